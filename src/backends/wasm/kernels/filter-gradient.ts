// The gradient of a filter as jobs: images are packed in panels, which all threads share, products are summed for each
// pair of panels, and written as a filter.

import { collectTile, correlate } from "./correlation";

/** Pixels whose products are summed before they are added to the rest: 16 kB of a panel, half of an L1 cache. */
const BLOCK: i32 = 512;

/** Some images and their gradients: int32 that ../convolution/filter-gradient.ts writes in this order. */
@unmanaged
class Correlation {
  images: i32;
  /** Of a given image. */
  height: i32;
  width: i32;
  inputs: i32;
  /** What the filter visits of it and its borders; the given pixels begin at `top`, `left`. */
  canvasHeight: i32;
  canvasWidth: i32;
  top: i32;
  left: i32;
  /** Of a gradient. */
  rows: i32;
  columns: i32;
  outputs: i32;
  /** How far the filter steps. */
  down: i32;
  right: i32;
  filterRows: i32;
  filterColumns: i32;
}

/** Some pixels' channels from `channel` on to a panel of `lanes` (4 or 8); spare lanes are zero. */
@inline
function packPixels(from: usize, to: usize, pixels: i32, channels: i32, channel: i32, lanes: i32): void {
  const pixelBytes = (<usize>channels) << 2;
  const laneBytes = (<usize>lanes) << 2;
  const count = channels - channel;
  const end = to + <usize>pixels * laneBytes;
  from += (<usize>channel) << 2;
  if (count < lanes) {
    for (; to < end; to += laneBytes) {
      v128.store(to, f32x4.splat(0));
      if (lanes == 8) v128.store(to, f32x4.splat(0), 16);
      for (let at: usize = 0; at < <usize>count << 2; at += 4) store<f32>(to + at, load<f32>(from + at));
      from += pixelBytes;
    }
    return;
  }
  for (; to < end; to += laneBytes) {
    v128.store(to, v128.load(from));
    if (lanes == 8) v128.store(to, v128.load(from, 16), 16);
    from += pixelBytes;
  }
}

@inline
function clear(from: usize, end: usize): void {
  for (; from < end; from += 16) v128.store(from, f32x4.splat(0));
}

/** One row of all canvases to panels of 4 channels, each `panelBytes` long. */
function packCanvas(all: Correlation, x: usize, panels: usize, at: i32, panelBytes: usize): void {
  const row = (at % all.canvasHeight) - all.top;
  const skipped = max(0, -all.left);
  const begin = min(max(0, all.left), all.canvasWidth);
  const visited = min(all.width - skipped, all.canvasWidth - begin);
  const count = row >= 0 && row < all.height ? max(0, visited) : 0;
  const given = <usize>(at / all.canvasHeight) * <usize>all.height + <usize>row;
  const from = x + (((given * <usize>all.width + <usize>skipped) * <usize>all.inputs) << 2);
  const rowBytes = (<usize>all.canvasWidth) << 4;
  let to = panels + <usize>at * rowBytes;
  for (let channel = 0; channel < all.inputs; channel += 4) {
    const start = to + ((<usize>begin) << 4);
    clear(to, start);
    packPixels(from, start, count, all.inputs, channel, 4);
    clear(start + ((<usize>count) << 4), to + rowBytes);
    to += panelBytes;
  }
}

/** Units are the rows of all canvases, then those of all gradients, which go to panels of 8 channels. */
export function packImages(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  x: usize,
  dy: usize,
  xPanels: usize,
  dyPanels: usize,
): void {
  const all = changetype<Correlation>(plan);
  const canvasRows = all.images * all.canvasHeight;
  const xPanelBytes = (<usize>(canvasRows * all.canvasWidth)) << 4;
  const dyPanelBytes = (<usize>(all.images * all.rows * all.columns)) << 5;
  for (let unit = first; unit < end; unit++) {
    if (unit < canvasRows) {
      packCanvas(all, x, xPanels, unit, xPanelBytes);
    } else {
      const pixel = <usize>(unit - canvasRows) * <usize>all.columns;
      const from = dy + ((pixel * <usize>all.outputs) << 2);
      let to = dyPanels + (pixel << 5);
      for (let channel = 0; channel < all.outputs; channel += 8) {
        packPixels(from, to, all.columns, all.outputs, channel, 8);
        to += dyPanelBytes;
      }
    }
  }
}

/**
 * A unit is a panel of dy and one of x: the products of their pixels are added to its tiles of `sums` [dy panels,
 * x panels, filter rows, filter columns, 4, 8], which are cleared if `fresh`.
 */
export function correlatePanels(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  xPanels: usize,
  dyPanels: usize,
  sums: usize,
  fresh: bool,
): void {
  const all = changetype<Correlation>(plan);
  const each = (all.inputs + 3) >> 2;
  const pixels = all.rows * all.columns;
  const xImageBytes = (<usize>(all.canvasHeight * all.canvasWidth)) << 4;
  const xPanelBytes = <usize>all.images * xImageBytes;
  const dyImageBytes = (<usize>pixels) << 5;
  const tileBytes = (<usize>(all.filterRows * all.filterColumns)) << 7;
  const rowBytes = (<usize>all.canvasWidth) << 4;
  const downBytes = <usize>all.down * rowBytes;
  const rightBytes = (<usize>all.right) << 4;
  // Small images are summed together, large ones in parts.
  const images = max(1, BLOCK / pixels);
  const rows = images > 1 ? all.rows : max(1, BLOCK / all.columns);
  if (fresh) memory.fill(sums + <usize>first * tileBytes, 0, <usize>(end - first) * tileBytes);
  for (let unit = first; unit < end; ) {
    // Panels of x that meet the same one of dy.
    const panel = unit % each;
    const panels = min(end - unit, each - panel);
    const tiles = sums + <usize>unit * tileBytes;
    for (let image = 0; image < all.images; image += images) {
      const count = min(images, all.images - image);
      const x = xPanels + <usize>(panel * all.images + image) * xImageBytes;
      const dy = dyPanels + <usize>((unit / each) * all.images + image) * dyImageBytes;
      for (let row = 0; row < all.rows; row += rows) {
        const last = min(all.rows, row + rows);
        // prettier-ignore
        correlate(x, dy, tiles, count, row, last, all.columns, all.filterRows, all.filterColumns, panels, 1, xPanelBytes, 0, xImageBytes, dyImageBytes, rowBytes, downBytes, rightBytes);
      }
    }
    unit += panels;
  }
}

/** Writes the tiles of {@link correlatePanels}, units as there, as a filter [taps, inputs, outputs]. */
export function collectPanels(
  first: i32,
  end: i32,
  room: usize,
  sums: usize,
  filter: usize,
  taps: i32,
  inputs: i32,
  outputs: i32,
): void {
  const each = (inputs + 3) >> 2;
  for (let unit = first; unit < end; unit++) {
    const tiles = sums + <usize>unit * ((<usize>taps) << 7);
    collectTile(tiles, filter, taps, inputs, outputs, (unit % each) << 2, (unit / each) << 3);
  }
}
