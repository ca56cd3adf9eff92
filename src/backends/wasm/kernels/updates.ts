// What training does to weights, in the operations and the order of the composed formulas in src/training, so that
// both give the same bits. A unit is a block of a tensor and of those that go with it: a row of a table of addresses,
// which ends in how many numbers there are.

import { read, write } from "./channels";

/** A place in a unit's row, which has so many. */
@inline
function entry(table: usize, unit: i32, places: i32, i: i32): usize {
  return load<u32>(table + ((<usize>(unit * places + i)) << 2));
}

@inline
function adamFour(
  weight: usize,
  grad: usize,
  first: usize,
  second: usize,
  weightTo: usize,
  firstTo: usize,
  secondTo: usize,
  take1: v128,
  keep2: v128,
  take2: v128,
  stepSize: v128,
  bias2: v128,
  epsilon: v128,
  shrink: v128,
  decay: v128,
  four: bool,
): void {
  const w = read(weight, four);
  const m0 = read(first, four);
  const g = f32x4.add(read(grad, four), f32x4.mul(w, decay));
  const m = f32x4.add(m0, f32x4.mul(f32x4.sub(g, m0), take1));
  const v = f32x4.add(f32x4.mul(read(second, four), keep2), f32x4.mul(f32x4.mul(g, g), take2));
  const root = f32x4.add(f32x4.div(f32x4.sqrt(v), bias2), epsilon);
  const step = f32x4.div(f32x4.mul(m, stepSize), root);
  write(weightTo, f32x4.sub(f32x4.mul(w, shrink), step), four);
  write(firstTo, m, four);
  write(secondTo, v, four);
}

/** One step of Adam: rows of a weight, its gradient and moments, and where the new weight and moments go. */
export function adam(
  first: i32,
  end: i32,
  room: usize,
  table: usize,
  take1: f32,
  keep2: f32,
  take2: f32,
  stepSize: f32,
  bias2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
): void {
  const t1 = f32x4.splat(take1);
  const k2 = f32x4.splat(keep2);
  const t2 = f32x4.splat(take2);
  const size = f32x4.splat(stepSize);
  const b2 = f32x4.splat(bias2);
  const e = f32x4.splat(epsilon);
  const s = f32x4.splat(shrink);
  const d = f32x4.splat(decay);
  for (let unit = first; unit < end; unit++) {
    const w = entry(table, unit, 8, 0);
    const g = entry(table, unit, 8, 1);
    const m = entry(table, unit, 8, 2);
    const v = entry(table, unit, 8, 3);
    const wTo = entry(table, unit, 8, 4);
    const mTo = entry(table, unit, 8, 5);
    const vTo = entry(table, unit, 8, 6);
    const bytes = entry(table, unit, 8, 7) << 2;
    const fours = bytes & ~15;
    for (let at: usize = 0; at < fours; at += 16) {
      // prettier-ignore
      adamFour(w + at, g + at, m + at, v + at, wTo + at, mTo + at, vTo + at, t1, k2, t2, size, b2, e, s, d, true);
    }
    for (let at = fours; at < bytes; at += 4) {
      // prettier-ignore
      adamFour(w + at, g + at, m + at, v + at, wTo + at, mTo + at, vTo + at, t1, k2, t2, size, b2, e, s, d, false);
    }
  }
}

@inline
function sgdFour(
  weight: usize,
  grad: usize,
  buffer: usize,
  weightTo: usize,
  bufferTo: usize,
  rate: v128,
  keep: v128,
  decay: v128,
  four: bool,
): void {
  const w = read(weight, four);
  const g = f32x4.add(read(grad, four), f32x4.mul(w, decay));
  const direction = f32x4.add(f32x4.mul(read(buffer, four), keep), g);
  write(weightTo, f32x4.sub(w, f32x4.mul(direction, rate)), four);
  write(bufferTo, direction, four);
}

/** Stochastic gradient descent with momentum: rows of a weight, its gradient and buffer, and where the new two go. */
export function sgd(
  first: i32,
  end: i32,
  room: usize,
  table: usize,
  rate: f32,
  keep: f32,
  decay: f32,
): void {
  const r = f32x4.splat(rate);
  const k = f32x4.splat(keep);
  const d = f32x4.splat(decay);
  for (let unit = first; unit < end; unit++) {
    const w = entry(table, unit, 6, 0);
    const g = entry(table, unit, 6, 1);
    const buffer = entry(table, unit, 6, 2);
    const wTo = entry(table, unit, 6, 3);
    const bufferTo = entry(table, unit, 6, 4);
    const bytes = entry(table, unit, 6, 5) << 2;
    const fours = bytes & ~15;
    for (let at: usize = 0; at < fours; at += 16) {
      sgdFour(w + at, g + at, buffer + at, wTo + at, bufferTo + at, r, k, d, true);
    }
    for (let at = fours; at < bytes; at += 4) {
      sgdFour(w + at, g + at, buffer + at, wTo + at, bufferTo + at, r, k, d, false);
    }
  }
}

@inline
function mixFour(a: usize, b: usize, to: usize, keep: v128, take: v128, four: bool): void {
  const kept = f32x4.mul(read(a, four), keep);
  write(to, f32x4.add(kept, f32x4.mul(read(b, four), take)), four);
}

/** a keep + b take: rows of a, b and where it goes. */
export function mix(first: i32, end: i32, room: usize, table: usize, keep: f32, take: f32): void {
  const k = f32x4.splat(keep);
  const t = f32x4.splat(take);
  for (let unit = first; unit < end; unit++) {
    const a = entry(table, unit, 4, 0);
    const b = entry(table, unit, 4, 1);
    const to = entry(table, unit, 4, 2);
    const bytes = entry(table, unit, 4, 3) << 2;
    const fours = bytes & ~15;
    for (let at: usize = 0; at < fours; at += 16) mixFour(a + at, b + at, to + at, k, t, true);
    for (let at = fours; at < bytes; at += 4) mixFour(a + at, b + at, to + at, k, t, false);
  }
}

/** x times the number at `factor`: rows of x and where it goes. */
export function scale(first: i32, end: i32, room: usize, table: usize, factor: usize): void {
  const by = v128.load32_splat(factor);
  for (let unit = first; unit < end; unit++) {
    const x = entry(table, unit, 3, 0);
    const to = entry(table, unit, 3, 1);
    const bytes = entry(table, unit, 3, 2) << 2;
    const fours = bytes & ~15;
    for (let at: usize = 0; at < fours; at += 16) write(to + at, f32x4.mul(read(x + at, true), by), true);
    for (let at = fours; at < bytes; at += 4) write(to + at, f32x4.mul(read(x + at, false), by), false);
  }
}

/** The sum of squares of each row's x, in float64. */
export function sumSquares(first: i32, end: i32, room: usize, table: usize, sums: usize): void {
  for (let unit = first; unit < end; unit++) {
    let x = entry(table, unit, 2, 0);
    const bytes = entry(table, unit, 2, 1) << 2;
    const last = x + bytes;
    const fours = x + (bytes & ~15);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; x < fours; x += 16) {
      const four = v128.load(x);
      const a = f64x2.promote_low_f32x4(four);
      const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 2, 3));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    const both = f64x2.add(low, high);
    let sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
    for (; x < last; x += 4) {
      const value = <f64>load<f32>(x);
      sum += value * value;
    }
    store<f64>(sums + ((<usize>unit) << 3), sum);
  }
}
