// The gradient of group normalisation, in the units of the normalisation itself.

import { addTo, BLOCK, read, write } from "./channels";
import { one, sigmoid } from "./exp";
import { fill } from "./group-norm";
import { inputGradients } from "./input-gradients";

/** The gradient before the activation, and what a block adds to the channels' two sums. */
@inline
function activationBlock(
  x: usize,
  dy: usize,
  dx: usize,
  means: usize,
  inverses: usize,
  gammas: usize,
  betas: usize,
  dBeta: usize,
  dGamma: usize,
  pixels: i32,
  stride: usize,
  activate: bool,
  four: bool,
): void {
  const mean = read(means, four);
  const inverse = read(inverses, four);
  const gamma = read(gammas, four);
  const beta = read(betas, four);
  let sums = f32x4.splat(0);
  let normalSums = f32x4.splat(0);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const normal = f32x4.mul(f32x4.sub(read(x, four), mean), inverse);
    let d = read(dy, four);
    if (activate) {
      // dy sigmoid(y) (1 + y (1 - sigmoid(y)))
      const y = f32x4.add(f32x4.mul(normal, gamma), beta);
      const s = sigmoid(y);
      d = f32x4.mul(d, f32x4.mul(s, f32x4.add(f32x4.mul(y, f32x4.sub(one(), s)), one())));
      write(dx, d, four);
    }
    sums = f32x4.add(sums, d);
    normalSums = f32x4.add(normalSums, f32x4.mul(d, normal));
    x += stride;
    dy += stride;
    dx += stride;
  }
  addTo(dBeta, sums, four);
  addTo(dGamma, normalSums, four);
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
  dBeta: usize,
  dGamma: usize,
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
      // prettier-ignore
      activationBlock(x + at, dy + at, dx + at, mean + at, inverse + at, gamma + at, beta + at, dBeta + 2 * at, dGamma + 2 * at, count, stride, activate, true);
    }
    for (let at = fours; at < row; at += 4) {
      // prettier-ignore
      activationBlock(x + at, dy + at, dx + at, mean + at, inverse + at, gamma + at, beta + at, dBeta + 2 * at, dGamma + 2 * at, count, stride, activate, false);
    }
    x += <usize>BLOCK * stride;
    dy += <usize>BLOCK * stride;
    dx += <usize>BLOCK * stride;
  }
}

/** The mean over a group of `count` values whose channels' totals are given, each times its gamma. */
@inline
function weightedMean(totals: usize, gamma: usize, group: i32, width: i32, count: f64): f64 {
  let sum: f64 = 0;
  for (let i = group * width; i < (group + 1) * width; i++) {
    sum += load<f64>(totals + ((<usize>i) << 3)) * <f64>load<f32>(gamma + ((<usize>i) << 2));
  }
  return sum / count;
}

/** Some groups of one image; addresses are those of the first of them. `room` is 5 float32 a channel. */
function gradientSlice(
  room: usize,
  x: usize,
  dy: usize,
  dx: usize,
  gamma: usize,
  beta: usize,
  means: usize,
  inverses: usize,
  dBeta: usize,
  dGamma: usize,
  pixels: i32,
  groups: i32,
  width: i32,
  stride: usize,
  activate: bool,
): void {
  const channels = groups * width;
  const row = (<usize>channels) << 2;
  const mean = room;
  const inverse = room + row;
  const scale = room + 2 * row;
  const slope = room + 3 * row;
  const shift = room + 4 * row;
  const count = <f64>pixels * <f64>width;
  for (let group = 0; group < groups; group++) {
    fill(mean, group, width, load<f32>(means + ((<usize>group) << 2)));
    fill(inverse, group, width, load<f32>(inverses + ((<usize>group) << 2)));
  }
  memory.fill(dBeta, 0, 2 * row);
  memory.fill(dGamma, 0, 2 * row);
  // prettier-ignore
  if (activate) {
    activationGradients(x, dy, dx, mean, inverse, gamma, beta, dBeta, dGamma, pixels, channels, stride, true);
  } else {
    activationGradients(x, dy, dx, mean, inverse, gamma, beta, dBeta, dGamma, pixels, channels, stride, false);
  }
  for (let at: usize = 0; at < row; at += 4) {
    store<f32>(scale + at, load<f32>(inverse + at) * load<f32>(gamma + at));
  }
  // dx = inverse (gamma d - mean(gamma d) - normal mean(gamma d normal)), means over a group.
  for (let group = 0; group < groups; group++) {
    const size = <f64>load<f32>(inverses + ((<usize>group) << 2));
    fill(shift, group, width, <f32>(size * weightedMean(dBeta, gamma, group, width, count)));
    fill(slope, group, width, <f32>(size * weightedMean(dGamma, gamma, group, width, count)));
  }
  // prettier-ignore
  inputGradients(x, activate ? dx : dy, dx, mean, inverse, scale, slope, shift, pixels, channels, stride);
}

/**
 * Gradients of `groupNorm`, from its means and inverses: dx, and what each image adds to beta's and gamma's gradients
 * in the rows of `sums`, [batch, 2, channels] float64.
 */
export function groupNormGradient(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  dy: usize,
  dx: usize,
  gamma: usize,
  beta: usize,
  means: usize,
  inverses: usize,
  sums: usize,
  pixels: i32,
  channels: i32,
  groups: i32,
  unitGroups: i32,
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
    const dBeta = sums + <usize>image * 4 * stride + 2 * row;
    // prettier-ignore
    gradientSlice(room, x + at, dy + at, dx + at, gamma + row, beta + row, means + said, inverses + said, dBeta, dBeta + 2 * stride, pixels, count, width, stride, activate);
  }
}
