// Batch normalisation with or without ReLU, and with or without another tensor added before it.

import { accumulate, addChannels, addSquares, BLOCK, flush, read, write } from "./channels";
import { inputGradients } from "./group-norm";

/** Each channel's mean and variance over all pixels. `room` is 3 `channels` float32, all zero, and is left so. */
export function channelMoments(
  x: usize,
  means: usize,
  variances: usize,
  room: usize,
  pixels: i32,
  channels: i32,
): void {
  const sums = room + ((<usize>channels) << 3);
  addChannels(x, room, sums, pixels, channels);
  takeMeans(room, means, pixels, channels);
  addSquares(x, means, room, sums, pixels, channels);
  takeMeans(room, variances, pixels, channels);
}

function takeMeans(totals: usize, to: usize, pixels: i32, channels: i32): void {
  for (let i = 0; i < channels; i++) {
    const total = totals + ((<usize>i) << 3);
    store<f32>(to + ((<usize>i) << 2), <f32>(load<f64>(total) / <f64>pixels));
    store<f64>(total, 0);
  }
}

/** 1 / sqrt(variance + epsilon), and gamma times that. */
function scales(
  variances: usize,
  gamma: usize,
  inverse: usize,
  scale: usize,
  channels: i32,
  epsilon: f64,
): void {
  for (let i = 0; i < channels; i++) {
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

/**
 * y = (x - mean) gamma / sqrt(variance + epsilon) + beta, plus `other` unless that is 0, and ReLU of it if asked.
 * `room` is 2 `channels` float32.
 */
export function batchNorm(
  x: usize,
  gamma: usize,
  beta: usize,
  means: usize,
  variances: usize,
  other: usize,
  y: usize,
  room: usize,
  pixels: i32,
  channels: i32,
  epsilon: f64,
  relu: bool,
): void {
  const scale = room + ((<usize>channels) << 2);
  scales(variances, gamma, room, scale, channels, epsilon);
  // prettier-ignore
  if (relu && other != 0) normaliseAll(x, y, means, scale, beta, other, pixels, channels, true, true);
  else if (relu) normaliseAll(x, y, means, scale, beta, other, pixels, channels, true, false);
  else normaliseAll(x, y, means, scale, beta, other, pixels, channels, false, false);
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
  totals: usize,
  sums: usize,
  pixels: i32,
  channels: i32,
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
      x += row;
      dy += row;
      dx += row;
      dOther += row;
      other += row;
    }
    flush(sums, totals, 2 * channels);
  }
}

/**
 * Gradients of {@link batchNorm}: dx, that of `other` unless that is 0, and in `totals` (2 `channels` float64, zero
 * before) those of beta and gamma. With `train` mean and variance are x's own. `room` is 6 `channels` float32, the
 * first 2 zero.
 */
export function batchNormGradient(
  x: usize,
  gamma: usize,
  beta: usize,
  means: usize,
  variances: usize,
  other: usize,
  dy: usize,
  dx: usize,
  dOther: usize,
  totals: usize,
  room: usize,
  pixels: i32,
  channels: i32,
  epsilon: f64,
  relu: bool,
  train: bool,
): void {
  const row = (<usize>channels) << 2;
  const inverse = room + 2 * row;
  const scale = room + 3 * row;
  const slope = room + 4 * row;
  const shift = room + 5 * row;
  scales(variances, gamma, inverse, scale, channels, epsilon);
  // prettier-ignore
  if (train) {
    if (relu) gradientAll(x, dy, dx, dOther, means, inverse, scale, beta, other, totals, room, pixels, channels, true, false, false);
    else gradientAll(x, dy, dx, dOther, means, inverse, scale, beta, other, totals, room, pixels, channels, false, false, false);
  } else {
    if (relu && other != 0) gradientAll(x, dy, dx, dOther, means, inverse, scale, beta, other, totals, room, pixels, channels, true, true, true);
    else if (relu) gradientAll(x, dy, dx, dOther, means, inverse, scale, beta, other, totals, room, pixels, channels, true, false, true);
    else gradientAll(x, dy, dx, dOther, means, inverse, scale, beta, other, totals, room, pixels, channels, false, false, true);
  }
  if (!train) return;
  // dx = gamma inverse (d - mean(d) - normal mean(d normal)), means over all pixels.
  for (let i = 0; i < channels; i++) {
    const at = (<usize>i) << 2;
    const part = <f64>load<f32>(scale + at) / <f64>pixels;
    store<f32>(shift + at, <f32>(part * load<f64>(totals + 2 * at)));
    store<f32>(slope + at, <f32>(part * load<f64>(totals + 2 * (row + at))));
  }
  inputGradients(x, dx, dx, means, inverse, scale, slope, shift, pixels, channels);
}
