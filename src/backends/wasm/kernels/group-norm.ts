// Group normalisation, with or without SiLU, an image at a time: its passes then find it in the cache.

import { accumulate, addChannels, addSquares, BLOCK, flush, read, write } from "./channels";
import { sigmoid } from "./exp";

/** Each group's total over its channels, divided by `count`, in float64. */
@inline
function groupMean(totals: usize, group: i32, width: i32, count: f64): f64 {
  let sum: f64 = 0;
  const first = totals + ((<usize>(group * width)) << 3);
  for (let i = 0; i < width; i++) sum += load<f64>(first + ((<usize>i) << 3));
  return sum / count;
}

@inline
function fill(row: usize, group: i32, width: i32, value: f32): void {
  const first = row + ((<usize>(group * width)) << 2);
  for (let i = 0; i < width; i++) store<f32>(first + ((<usize>i) << 2), value);
}

@inline
function normalise(
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  activate: bool,
  four: bool,
): void {
  const centred = f32x4.sub(read(x, four), read(mean, four));
  const value = f32x4.add(f32x4.mul(centred, read(scale, four)), read(beta, four));
  write(y, activate ? f32x4.mul(value, sigmoid(value)) : value, four);
}

/** y = (x - mean) scale + beta for each channel, or SiLU of it. */
@inline
function normaliseAll(
  x: usize,
  y: usize,
  mean: usize,
  scale: usize,
  beta: usize,
  pixels: i32,
  channels: i32,
  activate: bool,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const fours = pixelBytes & ~15;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let at: usize = 0; at < fours; at += 16) {
      normalise(x + at, y + at, mean + at, scale + at, beta + at, activate, true);
    }
    for (let at = fours; at < pixelBytes; at += 4) {
      normalise(x + at, y + at, mean + at, scale + at, beta + at, activate, false);
    }
    x += pixelBytes;
    y += pixelBytes;
  }
}

/**
 * y = (x - mean) gamma / sqrt(variance + epsilon) + beta, and SiLU of it if `activate`; `means` and `inverses` (1 /
 * sqrt) of [batch, groups] come out as well. `room` is 5 `channels` float32, whose first 3 `channels` are zero.
 */
export function groupNorm(
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  means: usize,
  inverses: usize,
  room: usize,
  batch: i32,
  pixels: i32,
  channels: i32,
  groups: i32,
  epsilon: f64,
  activate: bool,
): void {
  const width = channels / groups;
  const row = (<usize>channels) << 2;
  const totals = room;
  const sums = room + 2 * row;
  const mean = room + 3 * row;
  const scale = room + 4 * row;
  const count = <f64>pixels * <f64>width;
  for (let image = 0; image < batch; image++) {
    addChannels(x, totals, sums, pixels, channels);
    for (let group = 0; group < groups; group++) {
      const value = <f32>groupMean(totals, group, width, count);
      store<f32>(means + ((<usize>group) << 2), value);
      fill(mean, group, width, value);
    }
    memory.fill(totals, 0, 2 * row);
    addSquares(x, mean, totals, sums, pixels, channels);
    for (let group = 0; group < groups; group++) {
      const value = <f32>(1 / Math.sqrt(groupMean(totals, group, width, count) + epsilon));
      store<f32>(inverses + ((<usize>group) << 2), value);
      fill(scale, group, width, value);
    }
    memory.fill(totals, 0, 2 * row);
    for (let at: usize = 0; at < row; at += 4) {
      store<f32>(scale + at, load<f32>(scale + at) * load<f32>(gamma + at));
    }
    if (activate) {
      normaliseAll(x, y, mean, scale, beta, pixels, channels, true);
    } else {
      normaliseAll(x, y, mean, scale, beta, pixels, channels, false);
    }
    x += <usize>pixels * row;
    y += <usize>pixels * row;
    means += (<usize>groups) << 2;
    inverses += (<usize>groups) << 2;
  }
}

/** The gradient before the activation, and what it adds to the channel's two sums. */
@inline
function activationGradient(
  x: usize,
  dy: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  gamma: usize,
  beta: usize,
  sums: usize,
  row: usize,
  activate: bool,
  four: bool,
): void {
  const normal = f32x4.mul(f32x4.sub(read(x, four), read(mean, four)), read(inverse, four));
  let d = read(dy, four);
  if (activate) {
    // dy sigmoid(y) (1 + y (1 - sigmoid(y)))
    const one = f32x4.splat(1);
    const y = f32x4.add(f32x4.mul(normal, read(gamma, four)), read(beta, four));
    const s = sigmoid(y);
    d = f32x4.mul(d, f32x4.mul(s, f32x4.add(f32x4.mul(y, f32x4.sub(one, s)), one)));
    write(dx, d, four);
  }
  accumulate(sums, d, four);
  accumulate(sums + row, f32x4.mul(d, normal), four);
}

@inline
function activationGradients(
  x: usize,
  dy: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  gamma: usize,
  beta: usize,
  sums: usize,
  totals: usize,
  pixels: i32,
  channels: i32,
  activate: bool,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let first = 0; first < pixels; first += BLOCK) {
    const end = min(first + BLOCK, pixels);
    for (let pixel = first; pixel < end; pixel++) {
      for (let at: usize = 0; at < fours; at += 16) {
        // prettier-ignore
        activationGradient(x + at, dy + at, dx + at, mean + at, inverse + at, gamma + at, beta + at, sums + at, row, activate, true);
      }
      for (let at = fours; at < row; at += 4) {
        // prettier-ignore
        activationGradient(x + at, dy + at, dx + at, mean + at, inverse + at, gamma + at, beta + at, sums + at, row, activate, false);
      }
      x += row;
      dy += row;
      dx += row;
    }
    flush(sums, totals, 2 * channels);
  }
}

@inline
function inputGradient(
  x: usize,
  d: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  slope: usize,
  shift: usize,
  four: bool,
): void {
  const normal = f32x4.mul(f32x4.sub(read(x, four), read(mean, four)), read(inverse, four));
  const along = f32x4.add(f32x4.mul(normal, read(slope, four)), read(shift, four));
  write(dx, f32x4.sub(f32x4.mul(read(d, four), read(scale, four)), along), four);
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
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let at: usize = 0; at < fours; at += 16) {
      // prettier-ignore
      inputGradient(x + at, d + at, dx + at, mean + at, inverse + at, scale + at, slope + at, shift + at, true);
    }
    for (let at = fours; at < row; at += 4) {
      // prettier-ignore
      inputGradient(x + at, d + at, dx + at, mean + at, inverse + at, scale + at, slope + at, shift + at, false);
    }
    x += row;
    d += row;
    dx += row;
  }
}

/**
 * Gradients of {@link groupNorm}, from its means and inverses: dx, and what all images add to gamma's and beta's
 * gradients in `all` (2 `channels` float64, first beta's). `room` is 11 `channels` float32, whose first 6 are zero.
 */
export function groupNormGradient(
  x: usize,
  dy: usize,
  dx: usize,
  gamma: usize,
  beta: usize,
  means: usize,
  inverses: usize,
  all: usize,
  room: usize,
  batch: i32,
  pixels: i32,
  channels: i32,
  groups: i32,
  activate: bool,
): void {
  const width = channels / groups;
  const row = (<usize>channels) << 2;
  const totals = room;
  const sums = room + 4 * row;
  const mean = room + 6 * row;
  const inverse = room + 7 * row;
  const scale = room + 8 * row;
  const slope = room + 9 * row;
  const shift = room + 10 * row;
  const count = <f64>pixels * <f64>width;
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      fill(mean, group, width, load<f32>(means + ((<usize>group) << 2)));
      fill(inverse, group, width, load<f32>(inverses + ((<usize>group) << 2)));
    }
    // prettier-ignore
    if (activate) {
      activationGradients(x, dy, dx, mean, inverse, gamma, beta, sums, totals, pixels, channels, true);
    } else {
      activationGradients(x, dy, dx, mean, inverse, gamma, beta, sums, totals, pixels, channels, false);
    }
    for (let i = 0; i < channels; i++) {
      const at = (<usize>i) << 2;
      const weight = load<f32>(gamma + at);
      store<f32>(scale + at, load<f32>(inverse + at) * weight);
      for (let which: usize = 0; which < 2; which++) {
        const total = totals + ((which * row + at) << 1);
        const sum = all + ((which * row + at) << 1);
        store<f64>(sum, load<f64>(sum) + load<f64>(total));
        store<f64>(total, load<f64>(total) * <f64>weight);
      }
    }
    // dx = inverse (gamma d - mean(gamma d) - normal mean(gamma d normal)), means over a group.
    for (let group = 0; group < groups; group++) {
      const size = <f64>load<f32>(inverses + ((<usize>group) << 2));
      fill(shift, group, width, <f32>(size * groupMean(totals, group, width, count)));
      fill(slope, group, width, <f32>(size * groupMean(totals + 2 * row, group, width, count)));
    }
    memory.fill(totals, 0, 4 * row);
    inputGradients(x, activate ? dx : dy, dx, mean, inverse, scale, slope, shift, pixels, channels);
    const imageBytes = <usize>pixels * row;
    x += imageBytes;
    dy += imageBytes;
    dx += imageBytes;
    means += (<usize>groups) << 2;
    inverses += (<usize>groups) << 2;
  }
}
