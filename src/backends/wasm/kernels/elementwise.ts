// Sums, differences, products, maxima and minima of tensors, number by number. The second one may have fewer numbers: one for each row
// of the first, one row for all of them, or a single number.

import { read, write } from "./channels";

/** As in ../operations/elementwise.ts. */
const ADD: i32 = 0;
const SUBTRACT: i32 = 1;
const SUBTRACT_FROM: i32 = 2;
const MULTIPLY: i32 = 3;
const MAXIMUM: i32 = 4;
const MINIMUM: i32 = 5;

@inline
function combineFour(operation: i32, a: v128, b: v128): v128 {
  if (operation == ADD) return f32x4.add(a, b);
  if (operation == SUBTRACT) return f32x4.sub(a, b);
  if (operation == SUBTRACT_FROM) return f32x4.sub(b, a);
  if (operation == MAXIMUM) return f32x4.max(a, b); // NaN where either is
  if (operation == MINIMUM) return f32x4.min(a, b);
  return f32x4.mul(a, b);
}

@inline
function combineRow(operation: i32, a: usize, b: usize, to: usize, bytes: usize, single: bool): void {
  const fours = bytes & ~15;
  const one = single ? v128.load32_splat(b) : f32x4.splat(0);
  for (let at: usize = 0; at < fours; at += 16) {
    const other = single ? one : read(b + at, true);
    write(to + at, combineFour(operation, read(a + at, true), other), true);
  }
  for (let at = fours; at < bytes; at += 4) {
    const other = single ? one : read(b + at, false);
    write(to + at, combineFour(operation, read(a + at, false), other), false);
  }
}

@inline
function combineRows(
  operation: i32,
  first: i32,
  end: i32,
  a: usize,
  b: usize,
  to: usize,
  bytes: usize,
  rowBytes: usize,
  stepBytes: usize,
  single: bool,
): void {
  for (let row = <usize>first; row < <usize>end; row++) {
    const at = row * rowBytes;
    combineRow(operation, a + at, b + row * stepBytes, to + at, min(rowBytes, bytes - at), single);
  }
}

/**
 * The `operation` on a and b. A unit is a row of a, `rowBytes` long, the last perhaps shorter; b goes `stepBytes` further
 * with each, and has as many numbers for it, or a `single` one.
 */
export function combine(
  first: i32,
  end: i32,
  room: usize,
  operation: i32,
  a: usize,
  b: usize,
  to: usize,
  bytes: usize,
  rowBytes: usize,
  stepBytes: usize,
  single: bool,
): void {
  // prettier-ignore
  if (single) {
    if (operation == ADD) combineRows(ADD, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
    else if (operation == SUBTRACT) combineRows(SUBTRACT, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
    else if (operation == SUBTRACT_FROM) combineRows(SUBTRACT_FROM, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
    else if (operation == MAXIMUM) combineRows(MAXIMUM, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
    else if (operation == MINIMUM) combineRows(MINIMUM, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
    else combineRows(MULTIPLY, first, end, a, b, to, bytes, rowBytes, stepBytes, true);
  } else {
    if (operation == ADD) combineRows(ADD, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
    else if (operation == SUBTRACT) combineRows(SUBTRACT, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
    else if (operation == SUBTRACT_FROM) combineRows(SUBTRACT_FROM, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
    else if (operation == MAXIMUM) combineRows(MAXIMUM, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
    else if (operation == MINIMUM) combineRows(MINIMUM, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
    else combineRows(MULTIPLY, first, end, a, b, to, bytes, rowBytes, stepBytes, false);
  }
}

/** x, but no less than `low` and no more than `high`; NaN stays NaN. A unit is `unitBytes` of x, the last perhaps fewer. */
export function clamp(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  to: usize,
  bytes: usize,
  unitBytes: usize,
  low: f32,
  high: f32,
): void {
  const last = min(<usize>end * unitBytes, bytes);
  const least = f32x4.splat(low);
  const most = f32x4.splat(high);
  let at = <usize>first * unitBytes;
  for (; at + 16 <= last; at += 16) {
    write(to + at, f32x4.min(f32x4.max(read(x + at, true), least), most), true);
  }
  for (; at < last; at += 4) {
    write(to + at, f32x4.min(f32x4.max(read(x + at, false), least), most), false);
  }
}

/** Numbers of a row whose sums are a unit. */
const PIECE: i32 = 4096;

/**
 * The sums of pieces of rows of `columns` numbers, in float64: [pieces, rows]. Sixteen numbers are summed in float32
 * before they are added to the rest. A unit is a piece of a row.
 */
export function sumPieces(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  sums: usize,
  rows: i32,
  columns: i32,
): void {
  const pieces = (columns + PIECE - 1) / PIECE;
  for (let unit = first; unit < end; unit++) {
    const row = <usize>(unit / pieces);
    const piece = unit % pieces;
    const column = piece * PIECE;
    let at = x + ((row * <usize>columns + <usize>column) << 2);
    const last = at + ((<usize>min(PIECE, columns - column)) << 2);
    let sum: f64 = 0;
    for (; at + 64 <= last; at += 64) {
      const left = f32x4.add(v128.load(at), v128.load(at, 16));
      const right = f32x4.add(v128.load(at, 32), v128.load(at, 48));
      const four = f32x4.add(left, right);
      const high = v128.shuffle<f32>(four, four, 2, 3, 2, 3);
      const two = f64x2.add(f64x2.promote_low_f32x4(four), f64x2.promote_low_f32x4(high));
      sum += f64x2.extract_lane(two, 0) + f64x2.extract_lane(two, 1);
    }
    for (; at < last; at += 4) sum += <f64>load<f32>(at);
    store<f64>(sums + ((<usize>piece * <usize>rows + row) << 3), sum);
  }
}
