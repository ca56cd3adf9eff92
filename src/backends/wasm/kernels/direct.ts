// Direct convolutions: pixels of all images in one row, whichever image they are in, and panels of output channels.

import { convolveListed } from "./convolution";
import { Epilogue, finishListed } from "./epilogue";

/** Pixels that all panels of a unit visit together. */
const BLOCK: i32 = 192;

/** One filter on its way over some images: int32 that ../convolution/direct.ts writes in this order. */
@unmanaged
class Sweep {
  /** Of a given image. */
  height: i32;
  width: i32;
  channels: i32;
  /** What the filter visits of it and its borders; the given pixels begin at `top`, `left`. */
  canvasHeight: i32;
  canvasWidth: i32;
  top: i32;
  left: i32;
  /** Nothing but given pixels is visited. */
  bare: i32;
  /** Pixels that are computed of an image, and of all. */
  rows: i32;
  columns: i32;
  pixels: i32;
  /** How far the filter steps. */
  down: i32;
  right: i32;
  filterRows: i32;
  filterColumns: i32;
  outputs: i32;
  /** From one computed image, row and pixel to the next. */
  imageBytes: u32;
  downBytes: u32;
  rightBytes: u32;
  /** A unit's. */
  unitPixels: i32;
  unitPanels: i32;
}

/** Copies the rows `first` to `end` of the canvases, one below the other, to `to`. */
function padRows(sweep: Sweep, images: usize, to: usize, first: i32, end: i32): void {
  const pixelBytes = (<usize>sweep.channels) << 2;
  const rowBytes = <usize>sweep.canvasWidth * pixelBytes;
  memory.fill(to, 0, <usize>(end - first) * rowBytes);
  const skipped = max(0, -sweep.left);
  const begin = max(0, sweep.left);
  const count = min(sweep.width - skipped, sweep.canvasWidth - begin);
  if (count <= 0) return;
  const bytes = <usize>count * pixelBytes;
  to += <usize>begin * pixelBytes;
  for (let at = first; at < end; at++) {
    const row = (at % sweep.canvasHeight) - sweep.top;
    if (row >= 0 && row < sweep.height) {
      const given = <usize>(at / sweep.canvasHeight) * <usize>sweep.height + <usize>row;
      memory.copy(to, images + (given * <usize>sweep.width + <usize>skipped) * pixelBytes, bytes);
    }
    to += rowBytes;
  }
}

/** Lists the pixels `first` to `end`; `height` rows of `rowBytes` each are an image's. */
function listPixels(sweep: Sweep, list: usize, first: i32, end: i32, height: i32, rowBytes: usize): void {
  const rightBytes = <usize>(sweep.right * sweep.channels) << 2;
  let column = first % sweep.columns;
  let row = (first / sweep.columns) % sweep.rows;
  let image = first / sweep.columns / sweep.rows;
  while (first < end) {
    let from = <usize>(image * height + row * sweep.down) * rowBytes + <usize>column * rightBytes;
    let to = <u32>image * sweep.imageBytes + <u32>row * sweep.downBytes + <u32>column * sweep.rightBytes;
    for (; first < end && column < sweep.columns; first++, column++) {
      store<u32>(list, <u32>from);
      store<u32>(list, to, 4);
      from += rightBytes;
      to += sweep.rightBytes;
      list += 8;
    }
    column = 0;
    if (++row == sweep.rows) {
      row = 0;
      image++;
    }
  }
}

/** The canvas row at which the filter begins for a pixel. */
@inline
function rowOf(sweep: Sweep, pixel: i32): i32 {
  const row = pixel / sweep.columns;
  return (row / sweep.rows) * sweep.canvasHeight + (row % sweep.rows) * sweep.down;
}

/** Units are some pixels times some panels, all pixels of the first panels before those of the next. */
export function convolve(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  images: usize,
  panels: usize,
  out: usize,
): void {
  const sweep = changetype<Sweep>(plan);
  const epilogue = changetype<Epilogue>(plan + offsetof<Sweep>());
  const finishes = epilogue.bias | epilogue.rows | epilogue.apart;
  const run = sweep.filterColumns * sweep.channels;
  const panelBytes = (<usize>(sweep.filterRows * run)) << 5;
  const parts = (sweep.pixels + sweep.unitPixels - 1) / sweep.unitPixels;
  const canvas = room + (BLOCK << 3);
  const width = sweep.bare ? sweep.width : sweep.canvasWidth;
  const rowBytes = <usize>(width * sweep.channels) << 2;
  const corner = images - <usize>sweep.top * rowBytes - (<usize>(sweep.left * sweep.channels) << 2);
  for (let unit = first; unit < end; ) {
    const part = unit % parts;
    const count = min(min(end - unit, parts - part), BLOCK / sweep.unitPixels);
    const panel = (unit / parts) * sweep.unitPanels;
    const pixel = part * sweep.unitPixels;
    const last = min(pixel + count * sweep.unitPixels, sweep.pixels);
    let source = corner;
    if (sweep.bare) {
      listPixels(sweep, room, pixel, last, sweep.height, rowBytes);
    } else {
      const top = rowOf(sweep, pixel);
      padRows(sweep, images, canvas, top, rowOf(sweep, last - 1) + sweep.filterRows);
      source = canvas - <usize>top * rowBytes;
      listPixels(sweep, room, pixel, last, sweep.canvasHeight, rowBytes);
    }
    const channels = min(sweep.unitPanels << 3, sweep.outputs - (panel << 3));
    const weights = panels + <usize>panel * panelBytes;
    const skip = (<usize>panel) << 5;
    convolveListed(source, room, last - pixel, weights, out + skip, channels, sweep.filterRows, run, rowBytes);
    if (finishes) {
      finishListed(epilogue, room, pixel, last, out + skip, skip, channels, sweep.rows * sweep.columns);
    }
    unit += count;
  }
}

