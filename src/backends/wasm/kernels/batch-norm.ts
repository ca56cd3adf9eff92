// Batch normalisation with or without ReLU, and with or without another tensor added before it. A unit of what is
// done pixel by pixel is a block of pixels; of what is summed it is some channels of an image.

import { addTo, BLOCK, read, write } from "./channels";
import { inputGradients } from "./input-gradients";

/** Channels whose sums are a unit: a line of the cache. */
const SLICE: i32 = 16;

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
  scale: v128,
  beta: v128,
  other: usize,
  joined: bool,
  four: bool,
): v128 {
  const value = f32x4.add(f32x4.mul(centred, scale), beta);
  return joined ? f32x4.add(value, read(other, four)) : value;
}

@inline
function normaliseBlock(
  x: usize,
  y: usize,
  means: usize,
  scales: usize,
  betas: usize,
  other: usize,
  pixels: i32,
  stride: usize,
  relu: bool,
  joined: bool,
  four: bool,
): void {
  const mean = read(means, four);
  const scale = read(scales, four);
  const beta = read(betas, four);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const value = valueOf(f32x4.sub(read(x, four), mean), scale, beta, other, joined, four);
    write(y, relu ? f32x4.pmax(value, f32x4.splat(0)) : value, four);
    x += stride;
    y += stride;
    other += stride;
  }
}

@inline
function normaliseAll(
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  other: usize,
  first: i32,
  end: i32,
  pixels: i32,
  channels: i32,
  relu: bool,
  joined: bool,
): void {
  const stride = (<usize>channels) << 2;
  const fours = stride & ~15;
  for (let unit = first; unit < end; unit++) {
    const skip = <usize>unit * <usize>BLOCK * stride;
    const count = min(BLOCK, pixels - unit * BLOCK);
    for (let at: usize = 0; at < fours; at += 16) {
      // prettier-ignore
      normaliseBlock(x + skip + at, y + skip + at, mean + at, scale + at, beta + at, other + skip + at, count, stride, relu, joined, true);
    }
    for (let at = fours; at < stride; at += 4) {
      // prettier-ignore
      normaliseBlock(x + skip + at, y + skip + at, mean + at, scale + at, beta + at, other + skip + at, count, stride, relu, joined, false);
    }
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
  // prettier-ignore
  if (relu && other != 0) normaliseAll(x, y, mean, scale, beta, other, first, end, pixels, channels, true, true);
  else if (relu) normaliseAll(x, y, mean, scale, beta, other, first, end, pixels, channels, true, false);
  else normaliseAll(x, y, mean, scale, beta, other, first, end, pixels, channels, false, false);
}

@inline
function gradientBlock(
  x: usize,
  dy: usize,
  dx: usize,
  dOther: usize,
  means: usize,
  inverses: usize,
  scales: usize,
  betas: usize,
  other: usize,
  dBeta: usize,
  dGamma: usize,
  pixels: i32,
  stride: usize,
  relu: bool,
  joined: bool,
  scaled: bool,
  four: bool,
): void {
  const mean = read(means, four);
  const inverse = read(inverses, four);
  const scale = read(scales, four);
  const beta = read(betas, four);
  let sums = f32x4.splat(0);
  let normalSums = f32x4.splat(0);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const centred = f32x4.sub(read(x, four), mean);
    let d = read(dy, four);
    if (relu) {
      d = v128.and(d, f32x4.gt(valueOf(centred, scale, beta, other, joined, four), f32x4.splat(0)));
    }
    if (joined) write(dOther, d, four);
    write(dx, scaled ? f32x4.mul(d, scale) : d, four);
    sums = f32x4.add(sums, d);
    normalSums = f32x4.add(normalSums, f32x4.mul(d, f32x4.mul(centred, inverse)));
    x += stride;
    dy += stride;
    dx += stride;
    dOther += stride;
    other += stride;
  }
  addTo(dBeta, sums, four);
  addTo(dGamma, normalSums, four);
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
    const count = min(BLOCK, pixels - first);
    for (let at: usize = 0; at < fours; at += 16) {
      // prettier-ignore
      gradientBlock(x + at, dy + at, dx + at, dOther + at, mean + at, inverse + at, scale + at, beta + at, other + at, dBeta + 2 * at, dGamma + 2 * at, count, stride, relu, joined, scaled, true);
    }
    for (let at = fours; at < row; at += 4) {
      // prettier-ignore
      gradientBlock(x + at, dy + at, dx + at, dOther + at, mean + at, inverse + at, scale + at, beta + at, other + at, dBeta + 2 * at, dGamma + 2 * at, count, stride, relu, joined, scaled, false);
    }
    x += <usize>BLOCK * stride;
    dy += <usize>BLOCK * stride;
    dx += <usize>BLOCK * stride;
    dOther += <usize>BLOCK * stride;
    other += <usize>BLOCK * stride;
  }
}

/**
 * What each image adds to beta's and gamma's gradients, in the rows of `sums`, [batch, 2, channels] float64; dx, which
 * with `train`, where mean and variance are x's own, is only what reaches the normalised values; and the gradient of
 * `other` unless that is 0.
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
    // prettier-ignore
    if (train) {
      if (relu) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, dBeta, dGamma, pixels, count, stride, true, false, false);
      else gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, dBeta, dGamma, pixels, count, stride, false, false, false);
    } else {
      if (relu && other != 0) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, dBeta, dGamma, pixels, count, stride, true, true, true);
      else if (relu) gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, dBeta, dGamma, pixels, count, stride, true, false, true);
      else gradientAll(x + at, dy + at, dx + at, dOther + at, mean + c, inverse + c, scale + c, beta + c, other + at, dBeta, dGamma, pixels, count, stride, false, false, true);
    }
  }
}

/** d at `dx` to the input's gradient: see {@link inputGradients}. */
export function batchNormInputGradient(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  slope: usize,
  shift: usize,
  pixels: i32,
  channels: i32,
): void {
  const stride = (<usize>channels) << 2;
  const skip = <usize>first * <usize>BLOCK * stride;
  const count = min(end * BLOCK, pixels) - first * BLOCK;
  // prettier-ignore
  inputGradients(x + skip, dx + skip, dx + skip, mean, inverse, scale, slope, shift, count, channels, stride);
}
