// What the gradients of group and batch normalisation have in common.

import { BLOCK, read, write } from "./channels";

/** d scale - (normal slope + shift), where normal is (x - mean) inverse. */
@inline
export function inputGradient(
  x: v128,
  d: v128,
  mean: v128,
  inverse: v128,
  scale: v128,
  slope: v128,
  shift: v128,
): v128 {
  const normal = f32x4.mul(f32x4.sub(x, mean), inverse);
  const along = f32x4.add(f32x4.mul(normal, slope), shift);
  return f32x4.sub(f32x4.mul(d, scale), along);
}

@inline
function gradientBlock(
  x: usize,
  d: usize,
  dx: usize,
  means: usize,
  inverses: usize,
  scales: usize,
  slopes: usize,
  shifts: usize,
  pixels: i32,
  stride: usize,
  four: bool,
): void {
  const mean = read(means, four);
  const inverse = read(inverses, four);
  const scale = read(scales, four);
  const slope = read(slopes, four);
  const shift = read(shifts, four);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const gradient = inputGradient(read(x, four), read(d, four), mean, inverse, scale, slope, shift);
    write(dx, gradient, four);
    x += stride;
    d += stride;
    dx += stride;
  }
}

/** The input's gradient of each channel, from d, what reaches its normalised values; d may lie where dx is to be. */
export function inputGradients(
  x: usize,
  d: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  slope: usize,
  shift: usize,
  pixels: i32,
  channels: i32,
  stride: usize,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let first = 0; first < pixels; first += BLOCK) {
    const count = min(BLOCK, pixels - first);
    for (let at: usize = 0; at < fours; at += 16) {
      // prettier-ignore
      gradientBlock(x + at, d + at, dx + at, mean + at, inverse + at, scale + at, slope + at, shift + at, count, stride, true);
    }
    for (let at = fours; at < row; at += 4) {
      // prettier-ignore
      gradientBlock(x + at, d + at, dx + at, mean + at, inverse + at, scale + at, slope + at, shift + at, count, stride, false);
    }
    x += <usize>BLOCK * stride;
    d += <usize>BLOCK * stride;
    dx += <usize>BLOCK * stride;
  }
}
