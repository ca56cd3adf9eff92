import { open, stat } from "node:fs/promises";
import { MOST } from "../bounds.js";
import { check, fail } from "../check.js";

const PIECE = 2 ** 30;

/**
 * The bytes of a file, read in pieces: Node's own `readFile` refuses more than 2 GiB. What is no file is refused before it
 * is opened: whoever opens a pipe waits for a writer, and a device may have no end.
 *
 * @param path the file
 * @param where who reads, for the error
 * @param piece bytes that are read at a time
 * @returns all of its bytes
 * @throws (rejects) if `path` is a folder, a pipe, a socket or a device, is larger than 4 GiB, or becomes shorter
 *   while it is read; other errors are Node's
 * @example
 * ```ts
 * import { mkdtemp, rm, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { readWhole } from "cfd-distill/node";
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * await writeFile(join(folder, "a.bin"), new Uint8Array([1, 2, 3]));
 * console.log((await readWhole(join(folder, "a.bin"))).length); // 3
 * await rm(folder, { recursive: true });
 * ```
 */
export async function readWhole(path: string, where = "readWhole", piece = PIECE): Promise<Uint8Array> {
  const kind = kindOf(await stat(path));
  if (kind !== "a file") fail(where, `a file at ${path}`, kind);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    check(size <= MOST.fileBytes, where, `a file of at most ${MOST.fileBytes} bytes at ${path}`, size);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(piece, size - at));
      check(bytesRead > 0, where, `${size} bytes at ${path}`, `${at}: it became shorter while it was read`);
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** The same of a file that a person has named: whatever the system refuses is an error of `where`. */
export async function readNamed(path: string, where: string): Promise<Uint8Array> {
  try {
    return await readWhole(path, where);
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith(`${where}: `)) throw error;
    return fail(where, `a file at ${path}`, absence(error) ?? message);
  }
}

/** What a file system's error says where nothing is at a path; undefined for any other. */
export function absence(error: unknown): string | undefined {
  const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
  return isAbsent ? "nothing: there is no such file" : undefined;
}

/** Of Node's `Stats`, whose types a program that reads ours need not have. */
type Found = Readonly<Record<"isFile" | "isDirectory" | "isFIFO" | "isSocket", () => boolean>>;

/** What stands at a path, in words. */
export function kindOf(found: Found): string {
  if (found.isFile()) return "a file";
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a pipe (FIFO)";
  return found.isSocket() ? "a socket" : "a device";
}
