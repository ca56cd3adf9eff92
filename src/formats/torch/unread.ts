/**
 * What a PyTorch file holds and this library does not read, by its name: a sparse or quantised tensor, one of complex
 * numbers, and the like. The rest of the file is read; who uses the leaf as a tensor gets an error with its name. It is a
 * class so that no dict of a file can pass for one.
 *
 * @example
 * ```ts
 * import { UnreadLeaf } from "cfd-distill/formats";
 * const leaf = new UnreadLeaf("a sparse tensor"); // as readTorchCheckpoint makes them
 * console.log(leaf.unread); // a sparse tensor
 * ```
 */
export class UnreadLeaf {
  /** What it is. */
  readonly unread: string;

  constructor(unread: string) {
    this.unread = unread;
  }
}
