import { open } from "node:fs/promises";
import { check } from "../check.js";

const LIMIT = 2 ** 32; // an array of Node 20 ends there
const PIECE = 2 ** 30;

/** The bytes of a file, read in pieces: Node's own `readFile` refuses more than 2 GiB. Its errors are Node's. */
export async function readWhole(path: string, where: string, piece = PIECE): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    check(size <= LIMIT, where, `a file of at most ${LIMIT} bytes at ${path}`, size);
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
