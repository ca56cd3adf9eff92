import { open } from "node:fs/promises";
import { MOST } from "../bounds.js";
import { check } from "../check.js";

const PIECE = 2 ** 30;

/** The bytes of a file, read in pieces: Node's own `readFile` refuses more than 2 GiB. Its errors are Node's. */
export async function readWhole(path: string, where: string, piece = PIECE): Promise<Uint8Array> {
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
