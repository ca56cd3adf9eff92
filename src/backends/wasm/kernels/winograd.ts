// Convolutions of 3 x 3 filters as products of tiles, see winograd-lines.ts. All tiles of all images stand in one row,
// whichever image they are of.

import { convolveListed, listRows } from "./convolution";
import { Epilogue } from "./epilogue";
import { inverseTransformTiles, Images, Inputs, Pixels, ROOM, transformTiles, Squares } from "./winograd-tiles";

/** Tiles that all panels of a unit visit together: what they are transformed to and give should stay in the L2 cache. */
const BLOCK: i32 = 48;

/** Places in a tile. */
const PLACES: usize = 36;

/** How tiles are computed: int32 that ../convolution/winograd.ts writes in this order, after given and wanted images. */
@unmanaged
export class Tiling {
  /** Of one image, and of all. */
  down: i32;
  across: i32;
  tiles: i32;
  /** A unit's. */
  unitTiles: i32;
  unitPanels: i32;
  /** From one place's matrix to the next: of tiles, of their products, of filters. */
  transformedBytes: usize;
  productBytes: usize;
  panelsBytes: usize;
}

/**
 * The convolution of images with filters in panels, see winograd-filters.ts. Units are some tiles times some panels, all
 * tiles of the first panels before those of the next. `together` is where {@link transformRows} has transformed all tiles, or 0.
 */
export function convolveTiles(
  first: i32,
  end: i32,
  room: usize,
  plan: usize,
  input: usize,
  together: usize,
  panels: usize,
  out: usize,
): void {
  const given = changetype<Images>(plan);
  const wanted = changetype<Images>(plan + offsetof<Images>());
  const tiling = changetype<Tiling>(plan + 2 * offsetof<Images>());
  const epilogue = changetype<Epilogue>(plan + 2 * offsetof<Images>() + offsetof<Tiling>());
  const inputs = given.channels;
  const inputBytes = (<usize>inputs) << 2;
  const outputBytes = (<usize>wanted.channels) << 2;
  const panelBytes = inputBytes << 3;
  const rows = max(BLOCK, tiling.unitTiles);
  const list = room + ROOM;
  const zeros = list + ((<usize>rows) << 3);
  const products = zeros + 6 * inputBytes;
  const transformed = together || products + PLACES * tiling.productBytes;
  const parts = (tiling.tiles + tiling.unitTiles - 1) / tiling.unitTiles;
  memory.fill(zeros, 0, 6 * inputBytes);
  listRows(list, rows, inputBytes, outputBytes);
  for (let unit = first; unit < end;) {
    const part = unit % parts;
    const count = min(min(end - unit, parts - part), rows / tiling.unitTiles);
    const panel = (unit / parts) * tiling.unitPanels;
    const channels = min(tiling.unitPanels << 3, wanted.channels - (panel << 3));
    const tile = part * tiling.unitTiles;
    const last = min(tile + count * tiling.unitTiles, tiling.tiles);
    if (together == 0) {
      // prettier-ignore
      transformTiles<Inputs>(given, input, transformed, tile, last, tiling.down, tiling.across, tiling.transformedBytes, inputBytes, 16, 16, zeros, room);
    }
    const shift = (<usize>panel) << 5;
    for (let place: usize = 0; place < PLACES; place++) {
      const left = transformed + place * tiling.transformedBytes;
      const right = panels + place * tiling.panelsBytes + <usize>panel * panelBytes;
      const product = products + place * tiling.productBytes + shift;
      convolveListed(left, list, last - tile, right, product, channels, 1, inputs, 0);
    }
    if (wanted.halved) {
      // prettier-ignore
      inverseTransformTiles<Squares>(products, wanted, out, tile, last, tiling.down, tiling.across, shift, channels, tiling.productBytes, epilogue, room);
    } else {
      // prettier-ignore
      inverseTransformTiles<Pixels>(products, wanted, out, tile, last, tiling.down, tiling.across, shift, channels, tiling.productBytes, epilogue, room);
    }
    unit += count;
  }
}

/** Transforms tiles for those who share them; a unit is a tile. */
export function transformRows(first: i32, end: i32, room: usize, plan: usize, input: usize, to: usize): void {
  const given = changetype<Images>(plan);
  const tiling = changetype<Tiling>(plan + 2 * offsetof<Images>());
  const tileBytes = (<usize>given.channels) << 2;
  const zeros = room + ROOM;
  to += <usize>first * tileBytes;
  memory.fill(zeros, 0, 6 * tileBytes);
  // prettier-ignore
  transformTiles<Inputs>(given, input, to, first, end, tiling.down, tiling.across, tiling.transformedBytes, tileBytes, 16, 16, zeros, room);
}
