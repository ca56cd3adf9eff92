// Attention, queries in blocks: their scores stay in the cache between the products. Matrices are packed as for
// convolutions, an image's rows being the pixels of an image of one row.

import { convolveListed, listRows } from "./convolution";
import { collect, correlate } from "./correlation";
import { normaliseRows, weigh, weighBackwards } from "./softmax";

/** Queries, or keys, of a unit. */
const BLOCK: i32 = 64;

/** Bytes of a block in a list for `convolveListed`. */
const LIST: usize = 8 * BLOCK;

/** Queries whose products are summed before they are added to the rest: half of an L1 cache. */
const SUMMED: i32 = 512;

/** Bytes of a row of panels of 8. */
@inline
function panelBytes(columns: i32): usize {
  return ((<usize>(columns + 7)) & ~7) << 2;
}

/** From one panel of 4 keys to the next; a line more than it needs, lest all share a set of the cache. */
@inline
function keyPanelBytes(pixels: i32): usize {
  return ((<usize>pixels) << 4) + 64;
}

@inline
function blocksOf(pixels: i32): i32 {
  return (pixels + BLOCK - 1) / BLOCK;
}

/**
 * Each query's mix of the values and its statistics: the largest score and 1 / sum of the unscaled weights. `keys` are
 * packed transposed. A unit is a block of an image's queries; `room` is their scores and two lists.
 */
export function attend(
  first: i32,
  end: i32,
  room: usize,
  q: usize,
  keys: usize,
  values: usize,
  out: usize,
  statistics: usize,
  pixels: i32,
  channels: i32,
  scale: f32,
): void {
  const blocks = blocksOf(pixels);
  const rowBytes = panelBytes(pixels);
  const queryBytes = (<usize>channels) << 2;
  const scores = room + 2 * LIST;
  listRows(room, BLOCK, queryBytes, rowBytes);
  listRows(room + LIST, BLOCK, rowBytes, queryBytes);
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / blocks);
    const query = (unit % blocks) * BLOCK;
    const count = min(BLOCK, pixels - query);
    const at = image * <usize>pixels + <usize>query;
    const said = statistics + (at << 3);
    const imageKeys = keys + image * rowBytes * <usize>channels;
    const imageValues = values + image * panelBytes(channels) * <usize>pixels;
    const to = out + at * queryBytes;
    const columns = <i32>(rowBytes >> 2);
    convolveListed(q + at * queryBytes, room, count, imageKeys, scores, columns, 1, channels, 0);
    weigh(scores, said, count, pixels, rowBytes, scale);
    convolveListed(scores, room + LIST, count, imageValues, to, channels, 1, pixels, 0);
    normaliseRows(to, said, count, channels);
  }
}

/**
 * Each query's gradient; and, packed in panels of 4 keys, the weights and the scores' gradients of all queries.
 * `keys` and `values` are packed transposed, `keyRows` as they are. A unit is a block of an image's queries; `room` is
 * twice their scores and two lists.
 */
export function attendBackwards(
  first: i32,
  end: i32,
  room: usize,
  q: usize,
  dy: usize,
  dq: usize,
  statistics: usize,
  keys: usize,
  values: usize,
  keyRows: usize,
  weightPanels: usize,
  scorePanels: usize,
  pixels: i32,
  channels: i32,
  scale: f32,
): void {
  const blocks = blocksOf(pixels);
  const rowBytes = panelBytes(pixels);
  const queryBytes = (<usize>channels) << 2;
  const keysBytes = keyPanelBytes(pixels);
  const columns = <i32>(rowBytes >> 2);
  const scores = room + 2 * LIST;
  const dWeights = scores + <usize>BLOCK * rowBytes;
  listRows(room, BLOCK, queryBytes, rowBytes);
  listRows(room + LIST, BLOCK, rowBytes, queryBytes);
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / blocks);
    const query = (unit % blocks) * BLOCK;
    const count = min(BLOCK, pixels - query);
    const at = image * <usize>pixels + <usize>query;
    const turned = image * rowBytes * <usize>channels;
    const rows = keyRows + image * panelBytes(channels) * <usize>pixels;
    const keysAt = image * (rowBytes >> 4) * keysBytes + ((<usize>query) << 4);
    convolveListed(q + at * queryBytes, room, count, keys + turned, scores, columns, 1, channels, 0);
    convolveListed(dy + at * queryBytes, room, count, values + turned, dWeights, columns, 1, channels, 0);
    // prettier-ignore
    weighBackwards(scores, dWeights, statistics + (at << 3), weightPanels + keysAt, scorePanels + keysAt, count, pixels, rowBytes, keysBytes, scale);
    convolveListed(dWeights, room + LIST, count, rows, dq + at * queryBytes, channels, 1, pixels, 0);
  }
}

/** The product of some keys' panels, transposed, and an image's rows in panels of 8 columns. */
function sumQueries(
  sums: usize,
  keyPanels: usize,
  rows: usize,
  to: usize,
  count: i32,
  pixels: i32,
  channels: i32,
): void {
  const panels = (count + 3) / 4;
  const columns = (channels + 7) / 8;
  memory.fill(sums, 0, (<usize>(panels * columns)) << 7);
  for (let query = 0; query < pixels; query += SUMMED) {
    const left = keyPanels + ((<usize>query) << 4);
    const right = rows + ((<usize>query) << 5);
    const width = min(SUMMED, pixels - query);
    // prettier-ignore
    correlate(left, right, sums, 1, 0, 1, width, 1, 1, panels, columns, keyPanelBytes(pixels), (<usize>pixels) << 5, 0, 0, 0, 0, 16);
  }
  collect(sums, to, 1, count, channels);
}

/**
 * The keys' and the values' gradients, from what {@link attendBackwards} packed and from packed queries and dy. A
 * unit is a block of an image's keys; `room` is their sums: 128 bytes for each 4 keys and 8 channels.
 */
export function attendKeysBackwards(
  first: i32,
  end: i32,
  room: usize,
  weightPanels: usize,
  scorePanels: usize,
  queries: usize,
  dys: usize,
  dk: usize,
  dv: usize,
  pixels: i32,
  channels: i32,
): void {
  const blocks = blocksOf(pixels);
  const keysBytes = keyPanelBytes(pixels);
  for (let unit = first; unit < end; unit++) {
    const image = <usize>(unit / blocks);
    const key = (unit % blocks) * BLOCK;
    const count = min(BLOCK, pixels - key);
    const at = (image * <usize>pixels + <usize>key) * ((<usize>channels) << 2);
    const keysAt = (image * (panelBytes(pixels) >> 4) + (<usize>key >> 2)) * keysBytes;
    const packed = image * panelBytes(channels) * <usize>pixels;
    sumQueries(room, scorePanels + keysAt, queries + packed, dk + at, count, pixels, channels);
    sumQueries(room, weightPanels + keysAt, dys + packed, dv + at, count, pixels, channels);
  }
}
