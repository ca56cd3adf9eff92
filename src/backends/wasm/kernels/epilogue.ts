// What is added to a convolution's outputs while they are still in the cache: a number per channel, one per sample and
// channel, and an image of the same shape, in this order.

import { read, write } from "./channels";

/** int32 that ../convolution/epilogue.ts writes in this order; 0 for what is not added. */
@unmanaged
export class Epilogue {
  bias: usize;
  rows: usize;
  /** From one sample's row to the next. */
  stepBytes: usize;
  /** From an output to what is added to it. */
  apart: usize;
}

@inline
function add(epilogue: Epilogue, at: usize, bias: usize, row: usize, four: bool): void {
  let value = read(at, four);
  if (epilogue.bias) value = f32x4.add(value, read(bias, four));
  if (epilogue.rows) value = f32x4.add(value, read(row, four));
  if (epilogue.apart) value = f32x4.add(value, read(at + epilogue.apart, four));
  write(at, value, four);
}

/** For four channels, `skip` bytes from the first, of some pixels of a sample. */
export function finishTile(
  epilogue: Epilogue,
  to: usize,
  skip: usize,
  sample: usize,
  rows: i32,
  columns: i32,
  rowBytes: usize,
  pixelBytes: usize,
): void {
  const bias = epilogue.bias + skip;
  const row = epilogue.rows + sample * epilogue.stepBytes + skip;
  for (let i = 0; i < rows; i++) {
    let at = to;
    for (let j = 0; j < columns; j++) {
      add(epilogue, at, bias, row, true);
      at += pixelBytes;
    }
    to += rowBytes;
  }
}

/**
 * For `channels`, `skip` bytes from the first, of the pixels `first` to `end`, which a list leads to (convolution.ts);
 * each sample has `samplePixels`.
 */
export function finishListed(
  epilogue: Epilogue,
  list: usize,
  first: i32,
  end: i32,
  out: usize,
  skip: usize,
  channels: i32,
  samplePixels: i32,
): void {
  const bytes = (<usize>channels) << 2;
  const fours = bytes & ~15;
  const bias = epilogue.bias + skip;
  for (let pixel = first; pixel < end; pixel++) {
    const row = epilogue.rows + <usize>(pixel / samplePixels) * epilogue.stepBytes + skip;
    const to = out + load<u32>(list, 4);
    for (let at: usize = 0; at < fours; at += 16) add(epilogue, to + at, bias + at, row + at, true);
    for (let at = fours; at < bytes; at += 4) add(epilogue, to + at, bias + at, row + at, false);
    list += 8;
  }
}
