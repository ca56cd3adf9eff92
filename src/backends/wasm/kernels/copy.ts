/** Bytes of a row beyond which the engine's own copy is the faster. */
const LONG: usize = 1024;

/** Copies rows of `bytes` bytes each. */
export function copyRows(
  from: usize,
  to: usize,
  rows: i32,
  bytes: usize,
  fromBytes: usize,
  toBytes: usize,
): void {
  const words = bytes & ~3;
  const fours = bytes & ~15;
  for (let row = 0; row < rows; row++) {
    if (bytes > LONG) {
      memory.copy(to, from, bytes);
    } else {
      let at: usize = 0;
      for (; at < fours; at += 16) v128.store(to + at, v128.load(from + at));
      for (; at < words; at += 4) store<u32>(to + at, load<u32>(from + at));
      for (; at < bytes; at++) store<u8>(to + at, load<u8>(from + at));
    }
    from += fromBytes;
    to += toBytes;
  }
}
