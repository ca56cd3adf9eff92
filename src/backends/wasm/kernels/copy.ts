/** Bytes of a row beyond which the engine's own copy is the faster. */
const LONG: usize = 1024;

/** Bytes of a unit: longer rows are several. */
const PIECE: i32 = 16384;

@inline
function copyPiece(from: usize, to: usize, bytes: usize): void {
  if (bytes > LONG) {
    memory.copy(to, from, bytes);
    return;
  }
  const words = bytes & ~3;
  const fours = bytes & ~15;
  let at: usize = 0;
  for (; at < fours; at += 16) v128.store(to + at, v128.load(from + at));
  for (; at < words; at += 4) store<u32>(to + at, load<u32>(from + at));
  for (; at < bytes; at++) store<u8>(to + at, load<u8>(from + at));
}

/** Copies rows of `bytes` bytes each. A unit is a piece of a row, one after the other. */
export function copyRows(
  first: i32,
  end: i32,
  room: usize,
  from: usize,
  to: usize,
  bytes: i32,
  fromBytes: usize,
  toBytes: usize,
): void {
  const pieces = (bytes + PIECE - 1) / PIECE;
  let row = <usize>(first / pieces);
  let at = (first % pieces) * PIECE;
  for (let unit = first; unit < end; unit++) {
    const skip = <usize>at;
    copyPiece(from + row * fromBytes + skip, to + row * toBytes + skip, <usize>min(PIECE, bytes - at));
    at += PIECE;
    if (at >= bytes) {
      at = 0;
      row++;
    }
  }
}
