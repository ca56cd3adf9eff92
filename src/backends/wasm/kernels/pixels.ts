// Passes over images whose pixels are rows of channels.

import { addChannels, read, write } from "./channels";

/** y = x + row for each pixel of each image; the rows of two images are `stepBytes` apart, 0 for one row for all. */
export function addRows(
  x: usize,
  row: usize,
  y: usize,
  batch: i32,
  pixels: i32,
  channels: i32,
  stepBytes: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const fours = pixelBytes & ~15;
  for (let image = 0; image < batch; image++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let at: usize = 0; at < fours; at += 16) {
        write(y + at, f32x4.add(read(x + at, true), read(row + at, true)), true);
      }
      for (let at = fours; at < pixelBytes; at += 4) {
        write(y + at, f32x4.add(read(x + at, false), read(row + at, false)), false);
      }
      x += pixelBytes;
      y += pixelBytes;
    }
    row += stepBytes;
  }
}

/**
 * Each channel's sum over an image's pixels, times `factor`, as rows `stepBytes` apart; or, where that is 0, over all
 * images in one row. `room` is 3 `channels` float32, all zero, and is left so.
 */
export function sumPixels(
  x: usize,
  row: usize,
  room: usize,
  batch: i32,
  pixels: i32,
  channels: i32,
  factor: f64,
  stepBytes: usize,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const sums = room + 2 * pixelBytes;
  for (let image = 0; image < batch; image++) {
    addChannels(x, room, sums, pixels, channels);
    x += <usize>pixels * pixelBytes;
    if (stepBytes == 0 && image < batch - 1) continue;
    for (let i = 0; i < channels; i++) {
      const total = room + ((<usize>i) << 3);
      store<f32>(row + ((<usize>i) << 2), <f32>(load<f64>(total) * factor));
      store<f64>(total, 0);
    }
    row += stepBytes;
  }
}

/** Each image's row of channels, times `factor`, for each of its pixels. */
export function repeatRows(
  row: usize,
  y: usize,
  batch: i32,
  pixels: i32,
  channels: i32,
  factor: f32,
): void {
  const pixelBytes = (<usize>channels) << 2;
  for (let image = 0; image < batch; image++) {
    const first = y;
    for (let at: usize = 0; at < pixelBytes; at += 4) store<f32>(first + at, load<f32>(row + at) * factor);
    for (let pixel = 1; pixel < pixels; pixel++) memory.copy(y + <usize>pixel * pixelBytes, first, pixelBytes);
    row += pixelBytes;
    y += <usize>pixels * pixelBytes;
  }
}
