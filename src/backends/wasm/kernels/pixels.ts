// Passes over images whose pixels are rows of channels.

import { addChannels, addSquares, BLOCK, read, write } from "./channels";

/** Channels whose sums are a unit: a line of the cache. */
const SLICE: i32 = 16;

@inline
function addRow(x: usize, row: usize, y: usize, pixels: i32, stride: usize): void {
  const fours = stride & ~15;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let at: usize = 0; at < fours; at += 16) {
      write(y + at, f32x4.add(read(x + at, true), read(row + at, true)), true);
    }
    for (let at = fours; at < stride; at += 4) {
      write(y + at, f32x4.add(read(x + at, false), read(row + at, false)), false);
    }
    x += stride;
    y += stride;
  }
}

/**
 * y = x + row for each pixel of each image; the rows of two images are `stepBytes` apart. A unit is a block of an
 * image's pixels.
 */
export function addRows(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  rows: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  stepBytes: usize,
): void {
  const blocks = (pixels + BLOCK - 1) / BLOCK;
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / blocks);
    const pixel = (unit % blocks) * BLOCK;
    const skip = (image * <usize>pixels + <usize>pixel) * stride;
    addRow(x + skip, rows + image * stepBytes, y + skip, min(BLOCK, pixels - pixel), stride);
  }
}

/**
 * Each image's and channel's sum, or, where `means` of the channels are given, that of the squares of the distances
 * from them, in float64: [batch, channels]. A unit is some channels of an image.
 */
export function sumChannels(
  first: i32,
  end: i32,
  room: usize,
  x: usize,
  means: usize,
  sums: usize,
  pixels: i32,
  channels: i32,
): void {
  const slices = (channels + SLICE - 1) / SLICE;
  const stride = (<usize>channels) << 2;
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / slices);
    const channel = (unit % slices) * SLICE;
    const count = min(SLICE, channels - channel);
    const at = (<usize>channel) << 2;
    const from = x + image * <usize>pixels * stride + at;
    const to = sums + 2 * (image * stride + at);
    memory.fill(to, 0, (<usize>count) << 3);
    if (means == 0) addChannels(from, to, pixels, count, stride);
    else addSquares(from, means + at, to, pixels, count, stride);
  }
}

/**
 * The sums, over `rows` rows that are `stepBytes` apart, of float64 columns, divided by `divisor`, and times the
 * column's entry of `weights` unless that is 0. A unit is a column.
 */
export function sumRows(
  first: i32,
  end: i32,
  room: usize,
  sums: usize,
  to: usize,
  weights: usize,
  rows: i32,
  stepBytes: usize,
  divisor: f64,
): void {
  for (let column = <usize>first; column < <usize>end; column++) {
    let sum: f64 = 0;
    for (let row = 0; row < rows; row++) sum += load<f64>(sums + <usize>row * stepBytes + (column << 3));
    if (weights != 0) sum *= load<f32>(weights + (column << 2));
    store<f32>(to + (column << 2), <f32>(sum / divisor));
  }
}

/** Each image's row of channels, times `factor`, for each of its pixels. A unit is an image. */
export function repeatRows(
  first: i32,
  end: i32,
  room: usize,
  rows: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  factor: f32,
): void {
  const stride = (<usize>channels) << 2;
  for (let image = <usize>first; image < <usize>end; image++) {
    const row = rows + image * stride;
    const to = y + image * <usize>pixels * stride;
    for (let at: usize = 0; at < stride; at += 4) store<f32>(to + at, load<f32>(row + at) * factor);
    for (let pixel: usize = 1; pixel < <usize>pixels; pixel++) memory.copy(to + pixel * stride, to, stride);
  }
}
