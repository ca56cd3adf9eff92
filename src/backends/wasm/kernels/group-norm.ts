// Group normalisation, with or without SiLU. A unit is a slice of one image: so many whole groups, whose passes find
// it in the cache.

import { addChannels, addSquares, BLOCK, read, write } from "./channels";
import { sigmoid } from "./exp";

/** A group's total over its channels, divided by `count`, in float64. */
@inline
function groupMean(totals: usize, group: i32, width: i32, count: f64): f64 {
  let sum: f64 = 0;
  const first = totals + ((<usize>(group * width)) << 3);
  for (let i = 0; i < width; i++) sum += load<f64>(first + ((<usize>i) << 3));
  return sum / count;
}

/** Sets a group's channels. */
@inline
export function fill(row: usize, group: i32, width: i32, value: f32): void {
  const first = row + ((<usize>(group * width)) << 2);
  for (let i = 0; i < width; i++) store<f32>(first + ((<usize>i) << 2), value);
}

@inline
function normaliseBlock(
  x: usize,
  y: usize,
  means: usize,
  scales: usize,
  beta: usize,
  pixels: i32,
  stride: usize,
  activate: bool,
  four: bool,
): void {
  const mean = read(means, four);
  const scale = read(scales, four);
  const offset = read(beta, four);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const value = f32x4.add(f32x4.mul(f32x4.sub(read(x, four), mean), scale), offset);
    write(y, activate ? f32x4.mul(value, sigmoid(value)) : value, four);
    x += stride;
    y += stride;
  }
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
  stride: usize,
  activate: bool,
): void {
  const row = (<usize>channels) << 2;
  const fours = row & ~15;
  for (let first = 0; first < pixels; first += BLOCK) {
    const count = min(BLOCK, pixels - first);
    for (let at: usize = 0; at < fours; at += 16) {
      normaliseBlock(x + at, y + at, mean + at, scale + at, beta + at, count, stride, activate, true);
    }
    for (let at = fours; at < row; at += 4) {
      normaliseBlock(x + at, y + at, mean + at, scale + at, beta + at, count, stride, activate, false);
    }
    x += <usize>BLOCK * stride;
    y += <usize>BLOCK * stride;
  }
}

/** Some groups of one image; addresses are those of the first of them. `room` is 4 float32 a channel. */
function normaliseSlice(
  room: usize,
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  means: usize,
  inverses: usize,
  pixels: i32,
  groups: i32,
  width: i32,
  stride: usize,
  epsilon: f64,
  activate: bool,
): void {
  const channels = groups * width;
  const row = (<usize>channels) << 2;
  const totals = room;
  const mean = room + 2 * row;
  const scale = room + 3 * row;
  const count = <f64>pixels * <f64>width;
  memory.fill(totals, 0, 2 * row);
  addChannels(x, totals, pixels, channels, stride);
  for (let group = 0; group < groups; group++) {
    const value = <f32>groupMean(totals, group, width, count);
    store<f32>(means + ((<usize>group) << 2), value);
    fill(mean, group, width, value);
  }
  memory.fill(totals, 0, 2 * row);
  addSquares(x, mean, totals, pixels, channels, stride);
  for (let group = 0; group < groups; group++) {
    const value = <f32>(1 / Math.sqrt(groupMean(totals, group, width, count) + epsilon));
    store<f32>(inverses + ((<usize>group) << 2), value);
    fill(scale, group, width, value);
  }
  for (let at: usize = 0; at < row; at += 4) {
    store<f32>(scale + at, load<f32>(scale + at) * load<f32>(gamma + at));
  }
  if (activate) {
    normaliseAll(x, y, mean, scale, beta, pixels, channels, stride, true);
  } else {
    normaliseAll(x, y, mean, scale, beta, pixels, channels, stride, false);
  }
}

/**
 * y = (x - mean) gamma / sqrt(variance + epsilon) + beta, and SiLU of it if `activate`; `means` and `inverses` (1 /
 * sqrt) of [batch, groups] come out as well. A unit is `unitGroups` groups of an image, or what is left of its groups.
 */
export function groupNorm(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  means: usize,
  inverses: usize,
  pixels: i32,
  channels: i32,
  groups: i32,
  unitGroups: i32,
  epsilon: f64,
  activate: bool,
): void {
  const slices = (groups + unitGroups - 1) / unitGroups;
  const width = channels / groups;
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const image = unit / slices;
    const group = (unit % slices) * unitGroups;
    const count = min(unitGroups, groups - group);
    const row = (<usize>(group * width)) << 2;
    const at = <usize>image * <usize>pixels * stride + row;
    const said = (<usize>(image * groups + group)) << 2;
    // prettier-ignore
    normaliseSlice(room, x + at, gamma + row, beta + row, y + at, means + said, inverses + said, pixels, count, width, stride, epsilon, activate);
  }
}
