// What goes channel by channel through the pixels that a window meets: pools and depthwise convolutions.

import { addTo, read, write } from "./channels";
import { multiplyAdd } from "./multiply-add";

/** As in ../operations/window.ts. */
const MAXIMUM: i32 = 0;
const MEAN: i32 = 1;

/**
 * How output pixel i and tap k meet input pixel (step i + apart k - border) / by, where that is whole and a pixel, down
 * and to the right: int32 that ../operations/window.ts writes in this order.
 */
@unmanaged
class Window {
  images: i32;
  height: i32;
  width: i32;
  channels: i32;
  /** Of the output. */
  rows: i32;
  columns: i32;
  filterRows: i32;
  filterColumns: i32;
  downStep: i32;
  rightStep: i32;
  downApart: i32;
  rightApart: i32;
  top: i32;
  left: i32;
  downBy: i32;
  rightBy: i32;
}

/** The input pixel on one axis, or -1. */
@inline
function meet(place: i32, by: i32, length: i32): i32 {
  const pixel = place / by;
  return place >= 0 && pixel * by == place && pixel < length ? pixel : -1;
}

/** Lists where the pixels and the taps that meet for an output pixel begin, and returns the end of the list. */
function listTaps(window: Window, list: usize, image: i32, row: i32, column: i32): usize {
  const stride = (<usize>window.channels) << 2;
  for (let down = 0; down < window.filterRows; down++) {
    const place = row * window.downStep + down * window.downApart - window.top;
    const from = meet(place, window.downBy, window.height);
    if (from < 0) continue;
    for (let right = 0; right < window.filterColumns; right++) {
      const beside = column * window.rightStep + right * window.rightApart - window.left;
      const at = meet(beside, window.rightBy, window.width);
      if (at < 0) continue;
      const pixel = (image * window.height + from) * window.width + at;
      store<u32>(list, <u32>(<usize>pixel * stride));
      store<u32>(list, <u32>(<usize>(down * window.filterColumns + right) * stride), 4);
      list += 8;
    }
  }
  return list;
}

/** NaN is the maximum of whatever it is in. */
@inline
function gather(kind: i32, list: usize, end: usize, x: usize, weights: usize, four: bool): v128 {
  let result = f32x4.splat(kind == MAXIMUM ? -Infinity : 0);
  for (let at = list; at < end; at += 8) {
    const value = read(x + <usize>load<u32>(at), four);
    if (kind == MAXIMUM) result = f32x4.max(result, value);
    else if (kind == MEAN) result = f32x4.add(result, value);
    else result = multiplyAdd(value, read(weights + <usize>load<u32>(at, 4), four), result);
  }
  if (kind != MEAN) return result;
  return f32x4.div(result, f32x4.splat(<f32>((end - list) >> 3)));
}

/** The maximum, the mean or the weighted sum of what each window meets. A unit is a row of the output. */
export function slide(
  first: i32,
  end: i32,
  room: usize,
  kind: i32,
  plan: usize,
  x: usize,
  weights: usize,
  out: usize,
): void {
  const window = changetype<Window>(plan);
  const stride = (<usize>window.channels) << 2;
  const fours = stride & ~15;
  for (let unit = first; unit < end; unit++) {
    let to = out + <usize>(unit * window.columns) * stride;
    for (let column = 0; column < window.columns; column++) {
      const last = listTaps(window, room, unit / window.rows, unit % window.rows, column);
      for (let at: usize = 0; at < fours; at += 16) {
        write(to + at, gather(kind, room, last, x + at, weights + at, true), true);
      }
      for (let at = fours; at < stride; at += 4) {
        write(to + at, gather(kind, room, last, x + at, weights + at, false), false);
      }
      to += stride;
    }
  }
}

/** The products of a tap's pixels with dy, in float64 at `sums`, row by row. */
@inline
function multiplyRows(window: Window, x: usize, dy: usize, sums: usize, tap: i32, four: bool): void {
  const stride = (<usize>window.channels) << 2;
  const down = (tap / window.filterColumns) * window.downApart - window.top;
  const right = (tap % window.filterColumns) * window.rightApart - window.left;
  const begin = max(0, (window.rightStep - 1 - right) / window.rightStep);
  const end = min(window.columns, (window.width - right + window.rightStep - 1) / window.rightStep);
  const step = <usize>window.rightStep * stride;
  for (let unit = 0; unit < window.images * window.rows; unit++) {
    const row = (unit % window.rows) * window.downStep + down;
    if (row < 0 || row >= window.height) continue;
    const corner = ((unit / window.rows) * window.height + row) * window.width;
    let from = x + <usize>(corner + begin * window.rightStep + right) * stride;
    let other = dy + <usize>(unit * window.columns + begin) * stride;
    let sum = f32x4.splat(0);
    for (let column = begin; column < end; column++) {
      sum = multiplyAdd(read(from, four), read(other, four), sum);
      from += step;
      other += stride;
    }
    addTo(sums, sum, four);
  }
}

/** The gradient of a depthwise convolution's filter. A unit is a tap. */
export function slideBackwards(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  x: usize,
  dy: usize,
  to: usize,
): void {
  const window = changetype<Window>(plan);
  const stride = (<usize>window.channels) << 2;
  const fours = stride & ~15;
  for (let tap = first; tap < end; tap++) {
    memory.fill(room, 0, 2 * stride);
    for (let at: usize = 0; at < fours; at += 16) multiplyRows(window, x + at, dy + at, room + 2 * at, tap, true);
    for (let at = fours; at < stride; at += 4) multiplyRows(window, x + at, dy + at, room + 2 * at, tap, false);
    for (let at: usize = 0; at < stride; at += 4) {
      store<f32>(to + <usize>tap * stride + at, <f32>load<f64>(room + 2 * at));
    }
  }
}
