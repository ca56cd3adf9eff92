// What the gradients of group and batch normalisation have in common.

import { BLOCK, read, write } from "./channels";

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
    const normal = f32x4.mul(f32x4.sub(read(x, four), mean), inverse);
    const along = f32x4.add(f32x4.mul(normal, slope), shift);
    write(dx, f32x4.sub(f32x4.mul(read(d, four), scale), along), four);
    x += stride;
    d += stride;
    dx += stride;
  }
}

/** dx = d scale - (normal slope + shift) for each channel; d may lie where dx is to be. */
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
