import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { MOST } from "../bounds.js";
import { check, fail } from "../check.js";

const PIECE = 2 ** 30;

/**
 * The bytes of a file, read in pieces: Node's own `readFile` refuses more than 2 GiB. What is no file is refused before it
 * is opened: whoever opens a pipe waits for a writer, and a device may have no end. Other errors are Node's.
 */
export async function readWhole(path: string, where: string, piece = PIECE): Promise<Uint8Array> {
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

/** What stands at a path, in words. */
export function kindOf(found: Stats): string {
  if (found.isFile()) return "a file";
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a pipe (FIFO)";
  return found.isSocket() ? "a socket" : "a device";
}
