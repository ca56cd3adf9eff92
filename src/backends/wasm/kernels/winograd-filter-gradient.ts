// The gradient of 3 x 3 filters through the products of tiles: a block of tiles of images and of gradients is spread to
// panels, which all threads share, then products are summed place by place.

import { correlate } from "./correlation";
import { Tiling } from "./winograd";
import { Gradients, Images, Inputs, ROOM, transformTiles } from "./winograd-tiles";

/** A block of tiles, `count` from `first` on, to panels of 4 channels of x and of 8 channels of dy; a unit is a tile. */
export function transformPanels(
  begin: i32,
  end: i32,
  room: usize,
  plan: usize,
  x: usize,
  dy: usize,
  xPanels: usize,
  dyPanels: usize,
  first: i32,
  count: i32,
): void {
  const given = changetype<Images>(plan);
  const wanted = changetype<Images>(plan + offsetof<Images>());
  const tiling = changetype<Tiling>(plan + 2 * offsetof<Images>());
  const zeros = room + ROOM;
  const outputs = <usize>wanted.channels;
  memory.fill(zeros, 0, 6 * ((<usize>max(given.channels, wanted.channels)) << 2));
  const panelBytes = (<usize>count) << 4;
  const left = xPanels + ((<usize>begin) << 4);
  const right = dyPanels + ((<usize>begin) << 5);
  // prettier-ignore
  transformTiles<Inputs>(given, x, left, first + begin, first + end, tiling.down, tiling.across, tiling.transformedBytes, 16, panelBytes, panelBytes, zeros, room);
  // prettier-ignore
  transformTiles<Gradients>(wanted, dy, right, first + begin, first + end, tiling.down, tiling.across, tiling.productBytes, 32, 16, 2 * panelBytes - 16, zeros, room);
  if ((outputs & 4) == 0) return;
  // The spare half of the last panel.
  const spare = right + (outputs >> 3) * 2 * panelBytes + 16;
  for (let place: usize = 0; place < 36; place++) {
    for (let tile = 0; tile < end - begin; tile++) {
      v128.store(spare + place * tiling.productBytes + ((<usize>tile) << 5), f32x4.splat(0));
    }
  }
}

/**
 * A unit is one panel of dy in one place: its products with all panels of x, over a block of tiles, are added to its
 * part of `sums` [places, dy panels, x panels, 4, 8], which is cleared if `fresh`.
 */
export function sumPlaces(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  xPanels: usize,
  dyPanels: usize,
  sums: usize,
  sumBytes: usize,
  tiles: i32,
  fresh: bool,
): void {
  const given = changetype<Images>(plan);
  const wanted = changetype<Images>(plan + offsetof<Images>());
  const tiling = changetype<Tiling>(plan + 2 * offsetof<Images>());
  const panels = given.channels >> 2;
  const each = (wanted.channels + 7) >> 3;
  const panelBytes = (<usize>tiles) << 4;
  const bytes = (<usize>panels) << 7;
  for (let unit = first; unit < end; unit++) {
    const place = <usize>(unit / each);
    const panel = <usize>(unit % each);
    const to = sums + place * sumBytes + panel * bytes;
    if (fresh) memory.fill(to, 0, bytes);
    const left = xPanels + place * tiling.transformedBytes;
    const right = dyPanels + place * tiling.productBytes + panel * 2 * panelBytes;
    correlate(left, right, to, 1, 0, 1, tiles, 1, 1, panels, 1, panelBytes, 0, 0, 0, 0, 0, 16);
  }
}
