// Batch normalisation with or without ReLU, and with or without another tensor added before it. A unit of what is
// done pixel by pixel is a block of pixels; of what is summed it is some channels of an image.

import { accumulate, BLOCK, flush, read, write } from "./channels";
import { inputGradient } from "./input-gradients";

/** Channels whose sums are a unit: many, as pixels of many channels are far apart. */
const SLICE: i32 = 64;

/** 1 / sqrt(variance + epsilon), and gamma times that. A unit is a channel. */
export function batchNormScales(
  first: i32,
  end: i32,
  room: usize,
  variances: usize,
  gamma: usize,
  inverse: usize,
  scale: usize,
  epsilon: f64,
): void {
  for (let i = first; i < end; i++) {
    const at = (<usize>i) << 2;
    const value = <f32>(1 / Math.sqrt(<f64>load<f32>(variances + at) + epsilon));
    store<f32>(inverse + at, value);
    store<f32>(scale + at, value * load<f32>(gamma + at));
  }
}

@inline
function valueOf(
  centred: v128,
  scale: usize,
  beta: usize,
  other: usize,
  joined: bool,
  four: bool,
): v128 {
  const value = f32x4.add(f32x4.mul(centred, read(scale, four)), read(beta, four));
  return joined ? f32x4.add(value, read(other, four)) : value;
}

@inline
function normaliseFour(
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  other: usize,
  relu: bool,
  joined: bool,
  four: bool,
): void {
  const centred = f32x4.sub(read(x, four), read(mean, four));
  const value = valueOf(centred, scale, beta, other, joined, four);
  write(y, relu ? f32x4.pmax(value, f32x4.splat(0)) : value, four);
}

@inline
function normaliseAll(
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  other: usize,
  pixels: i32,
  channels: i32,
  relu: bool,
  joined: bool,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let pixel = 0; pixel < pixels; pixel++) {
    // prettier-ignore
    for (let at: usize = 0; at < fours; at += 16) {
      normaliseFour(x + at, y + at, mean + at, scale + at, beta + at, other + at, relu, joined, true);
    }
    // prettier-ignore
    for (let at = fours; at < row; at += 4) {
      normaliseFour(x + at, y + at, mean + at, scale + at, beta + at, other + at, relu, joined, false);
    }
    x += row;
    y += row;
    other += row;
  }
}

/** y = (x - mean) scale + beta, plus `other` unless that is 0, and ReLU of it if asked. */
export function batchNorm(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  other: usize,
  pixels: i32,
  channels: i32,
  relu: bool,
): void {
  const at = ((<usize>first * <usize>BLOCK) << 2) * <usize>channels;
  const count = min(end * BLOCK, pixels) - first * BLOCK;
  // prettier-ignore
  if (relu && other != 0) normaliseAll(x + at, y + at, mean, scale, beta, other + at, count, channels, true, true);
  else if (relu) normaliseAll(x + at, y + at, mean, scale, beta, other, count, channels, true, false);
  else normaliseAll(x + at, y + at, mean, scale, beta, other, count, channels, false, false);
}

@inline
function gradientFour(
  x: usize,
  dy: usize,
  dx: usize,
  dOther: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  beta: usize,
  other: usize,
  sums: usize,
  row: usize,
  relu: bool,
  joined: bool,
  scaled: bool,
  four: bool,
): void {
  const centred = f32x4.sub(read(x, four), read(mean, four));
  let d = read(dy, four);
  if (relu) {
    d = v128.and(d, f32x4.gt(valueOf(centred, scale, beta, other, joined, four), f32x4.splat(0)));
  }
  if (joined) write(dOther, d, four);
  write(dx, scaled ? f32x4.mul(d, read(scale, four)) : d, four);
  accumulate(sums, d, four);
  accumulate(sums + row, f32x4.mul(d, f32x4.mul(centred, read(inverse, four))), four);
}

@inline
function gradientAll(
  x: usize,
  dy: usize,
  dx: usize,
  dOther: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  beta: usize,
  other: usize,
  sums: usize,
  dBeta: usize,
  dGamma: usize,
  pixels: i32,
  channels: i32,
  stride: usize,
  relu: bool,
  joined: bool,
  scaled: bool,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let first = 0; first < pixels; first += BLOCK) {
    const end = min(first + BLOCK, pixels);
    for (let pixel = first; pixel < end; pixel++) {
      for (let at: usize = 0; at < fours; at += 16) {
        // prettier-ignore
        gradientFour(x + at, dy + at, dx + at, dOther + at, mean + at, inverse + at, scale + at, beta + at, other + at, sums + at, row, relu, joined, scaled, true);
      }
      for (let at = fours; at < row; at += 4) {
        // prettier-ignore
        gradientFour(x + at, dy + at, dx + at, dOther + at, mean + at, inverse + at, scale + at, beta + at, other + at, sums + at, row, relu, joined, scaled, false);
      }
      x += stride;
      dy += stride;
      dx += stride;
      dOther += stride;
      other += stride;
    }
    flush(sums, dBeta, channels);
    flush(sums + row, dGamma, channels);
  }
}

/**
 * What each image adds to beta's and gamma's gradients, in the rows of `sums`, [batch, 2, channels] float64; dx, which
 * with `train`, where mean and variance are x's own, is only what reaches the normalised values; and the gradient of
 * `other` unless that is 0. `room` is 2 float32 for each of a unit's channels.
 */
export function batchNormGradient(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  dy: usize,
  dx: usize,
  dOther: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  beta: usize,
  other: usize,
  sums: usize,
  pixels: i32,
  channels: i32,
  relu: bool,
  train: bool,
): void {
  const slices = (channels + SLICE - 1) / SLICE;
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / slices);
    const channel = (unit % slices) * SLICE;
    const count = min(SLICE, channels - channel);
    const c = (<usize>channel) << 2;
    const at = image * <usize>pixels * stride + c;
    const dBeta = sums + image * 4 * stride + 2 * c;
    const dGamma = dBeta + 2 * stride;
    memory.fill(dBeta, 0, (<usize>count) << 3);
    memory.fill(dGamma, 0, (<usize>count) << 3);
    memory.fill(room, 0, (<usize>count) << 3);
    // prettier-ignore
    if (train) {
      if (relu) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, room, dBeta, dGamma, pixels, count, stride, true, false, false);
      else gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, room, dBeta, dGamma, pixels, count, stride, false, false, false);
    } else {
      if (relu && other != 0) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, room, dBeta, dGamma, pixels, count, stride, true, true, true);
      else if (relu) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, room, dBeta, dGamma, pixels, count, stride, true, false, true);
      else gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, room, dBeta, dGamma, pixels, count, stride, false, false, true);
    }
  }
}

/** d at `dx` to the input's gradient. */
export function batchNormInputGradient(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  dx: usize,
  means: usize,
  inverses: usize,
  scales: usize,
  slopes: usize,
  shifts: usize,
  pixels: i32,
  channels: i32,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let pixel = first * BLOCK; pixel < min(end * BLOCK, pixels); pixel++) {
    const from = x + <usize>pixel * row;
    const to = dx + <usize>pixel * row;
    for (let at: usize = 0; at < fours; at += 16) {
      gradientAt(from + at, to + at, means + at, inverses + at, scales + at, slopes + at, shifts + at, true);
    }
    for (let at = fours; at < row; at += 4) {
      gradientAt(from + at, to + at, means + at, inverses + at, scales + at, slopes + at, shifts + at, false);
    }
  }
}

@inline
function gradientAt(
  x: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  slope: usize,
  shift: usize,
  four: bool,
): void {
  // prettier-ignore
  const gradient = inputGradient(read(x, four), read(dx, four), read(mean, four), read(inverse, four), read(scale, four), read(slope, four), read(shift, four));
  write(dx, gradient, four);
}
