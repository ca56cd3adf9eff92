// What training does to weights, in the operations and the order of the composed formulas in src/training, so that
// both give the same bits.

import { read, write } from "./channels";

@inline
function adamFour(
  weight: usize,
  grad: usize,
  first: usize,
  second: usize,
  weightTo: usize,
  firstTo: usize,
  secondTo: usize,
  take1: f32,
  keep2: f32,
  take2: f32,
  stepSize: f32,
  bias2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
  four: bool,
): void {
  const w = read(weight, four);
  const m0 = read(first, four);
  const g = f32x4.add(read(grad, four), f32x4.mul(w, f32x4.splat(decay)));
  const m = f32x4.add(m0, f32x4.mul(f32x4.sub(g, m0), f32x4.splat(take1)));
  const kept = f32x4.mul(read(second, four), f32x4.splat(keep2));
  const v = f32x4.add(kept, f32x4.mul(f32x4.mul(g, g), f32x4.splat(take2)));
  const root = f32x4.add(f32x4.div(f32x4.sqrt(v), f32x4.splat(bias2)), f32x4.splat(epsilon));
  const step = f32x4.div(f32x4.mul(m, f32x4.splat(stepSize)), root);
  write(weightTo, f32x4.sub(f32x4.mul(w, f32x4.splat(shrink)), step), four);
  write(firstTo, m, four);
  write(secondTo, v, four);
}

/** One step of Adam: the new weights and moments. */
export function adam(
  weight: usize,
  grad: usize,
  first: usize,
  second: usize,
  weightTo: usize,
  firstTo: usize,
  secondTo: usize,
  size: i32,
  take1: f32,
  keep2: f32,
  take2: f32,
  stepSize: f32,
  bias2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
): void {
  const end = (<usize>size) << 2;
  const fours = end & ~15;
  let at: usize = 0;
  for (; at < fours; at += 16) {
    // prettier-ignore
    adamFour(weight + at, grad + at, first + at, second + at, weightTo + at, firstTo + at, secondTo + at,
      take1, keep2, take2, stepSize, bias2, epsilon, shrink, decay, true);
  }
  for (; at < end; at += 4) {
    // prettier-ignore
    adamFour(weight + at, grad + at, first + at, second + at, weightTo + at, firstTo + at, secondTo + at,
      take1, keep2, take2, stepSize, bias2, epsilon, shrink, decay, false);
  }
}

@inline
function sgdFour(
  weight: usize,
  grad: usize,
  buffer: usize,
  weightTo: usize,
  bufferTo: usize,
  rate: f32,
  keep: f32,
  decay: f32,
  four: bool,
): void {
  const w = read(weight, four);
  const g = f32x4.add(read(grad, four), f32x4.mul(w, f32x4.splat(decay)));
  const direction = f32x4.add(f32x4.mul(read(buffer, four), f32x4.splat(keep)), g);
  write(weightTo, f32x4.sub(w, f32x4.mul(direction, f32x4.splat(rate))), four);
  write(bufferTo, direction, four);
}

/** One step of stochastic gradient descent with momentum. */
export function sgd(
  weight: usize,
  grad: usize,
  buffer: usize,
  weightTo: usize,
  bufferTo: usize,
  size: i32,
  rate: f32,
  keep: f32,
  decay: f32,
): void {
  const end = (<usize>size) << 2;
  const fours = end & ~15;
  let at: usize = 0;
  for (; at < fours; at += 16) {
    sgdFour(weight + at, grad + at, buffer + at, weightTo + at, bufferTo + at, rate, keep, decay, true);
  }
  for (; at < end; at += 4) {
    sgdFour(weight + at, grad + at, buffer + at, weightTo + at, bufferTo + at, rate, keep, decay, false);
  }
}

@inline
function mixFour(a: usize, b: usize, to: usize, keep: f32, take: f32, four: bool): void {
  const kept = f32x4.mul(read(a, four), f32x4.splat(keep));
  write(to, f32x4.add(kept, f32x4.mul(read(b, four), f32x4.splat(take))), four);
}

/** a keep + b take. */
export function mix(a: usize, b: usize, to: usize, size: i32, keep: f32, take: f32): void {
  const end = (<usize>size) << 2;
  const fours = end & ~15;
  let at: usize = 0;
  for (; at < fours; at += 16) mixFour(a + at, b + at, to + at, keep, take, true);
  for (; at < end; at += 4) mixFour(a + at, b + at, to + at, keep, take, false);
}

/** The sum of squares, in float64. */
export function sumOfSquares(x: usize, to: usize, size: i32): void {
  const end = x + ((<usize>size) << 2);
  const fours = x + (((<usize>size) << 2) & ~15);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; x < fours; x += 16) {
    const four = v128.load(x);
    const a = f64x2.promote_low_f32x4(four);
    const b = f64x2.promote_low_f32x4(i32x4.shuffle(four, four, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const both = f64x2.add(low, high);
  let sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (; x < end; x += 4) {
    const value = <f64>load<f32>(x);
    sum += value * value;
  }
  store<f32>(to, <f32>sum);
}

/** x times the number at `factor`. */
export function scale(x: usize, factor: usize, to: usize, size: i32): void {
  const end = (<usize>size) << 2;
  const fours = end & ~15;
  const by = v128.load32_splat(factor);
  let at: usize = 0;
  for (; at < fours; at += 16) write(to + at, f32x4.mul(read(x + at, true), by), true);
  for (; at < end; at += 4) write(to + at, f32x4.mul(read(x + at, false), by), false);
}
