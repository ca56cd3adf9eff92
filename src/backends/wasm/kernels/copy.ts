/** Bytes of a row beyond which the engine's own copy is the faster. */
const LONG: i32 = 1024;

/** Bytes of a unit: longer rows are several. */
const PIECE: i32 = 16384;

@inline
function copyPiece(from: usize, to: usize, bytes: i32): void {
  if (bytes > LONG) {
    memory.copy(to, from, <usize>bytes);
    return;
  }
  const words = <usize>(bytes & ~3);
  const fours = <usize>(bytes & ~15);
  let at: usize = 0;
  for (; at < fours; at += 16) v128.store(to + at, v128.load(from + at));
  for (; at < words; at += 4) store<u32>(to + at, load<u32>(from + at));
  for (; at < <usize>bytes; at++) store<u8>(to + at, load<u8>(from + at));
}

/** Copies rows of `bytes` bytes each. A unit is a row, or a piece of a long one. */
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
  if (bytes <= PIECE) {
    from += <usize>first * fromBytes;
    to += <usize>first * toBytes;
    for (let row = first; row < end; row++) {
      copyPiece(from, to, bytes);
      from += fromBytes;
      to += toBytes;
    }
    return;
  }
  const pieces = (bytes + PIECE - 1) / PIECE;
  for (let unit = first; unit < end; unit++) {
    const row = <usize>(unit / pieces);
    const at = (unit % pieces) * PIECE;
    const skip = <usize>at;
    copyPiece(from + row * fromBytes + skip, to + row * toBytes + skip, min(PIECE, bytes - at));
  }
}
