// Tiles of images to matrices and back, by F(4x4, 3x3) if `four`, else by F(2x2, 3x3). Everything is in as many matrices
// as a tile has places (36 or 16), from one to the next `matrixBytes`; channels come in fours.

import { gather2, spread2, spreadGradient2 } from "./winograd2";
import { gather4, P, Q, spread4, spreadGradient4 } from "./winograd4";

/** Bytes of room for one tile of 4 channels, and for what {@link hold} holds. */
export const ROOM: usize = 640;

/** Images that are divided into tiles: int32 that winograd.ts on the other side writes in this order. */
@unmanaged
export class Images {
  height: i32;
  width: i32;
  channels: i32;
  /** Where the first pixel lies in its tile; before it, if negative. */
  top: i32;
  left: i32;
}

/**
 * A number in all lanes, by way of memory: as a constant V8 makes it anew in every turn of a loop (Node 24), what comes
 * from memory stays in its register.
 */
@inline
function hold(room: usize, index: usize, value: f32): v128 {
  const at = room + 576 + (index << 2);
  store<f32>(at, value);
  return v128.load_splat<f32>(at);
}

@inline
function loadIf(needed: bool, from: usize): v128 {
  return needed ? v128.load(from) : f32x4.splat(0);
}

/** Row `row` of an image, or zeros outside. */
@inline
function rowOf(image: usize, row: i32, height: i32, rowBytes: usize, zeros: usize): usize {
  return row >= 0 && row < height ? image + <usize>row * rowBytes : zeros;
}

@inline
function spreadLine(
  four: bool,
  gradient: bool,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  to: usize,
  apart: usize,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
  product: v128,
  sum: v128,
): void {
  if (four) {
    if (gradient) spreadGradient4(a, b, c, d, to, apart, p, q, p2, q2);
    else spread4(a, b, c, d, e, f, to, apart, p, q, p2, q2, product, sum);
  } else {
    if (gradient) spreadGradient2(a, b, to, apart);
    else spread2(a, b, c, d, to, apart);
  }
}

/**
 * The tiles `first` to `end` of all images, B^T d B of each or, with `gradient`, A dy A^T. From one tile to the next
 * are `tileBytes`, from one 4 of its channels to the next `evenBytes` and `oddBytes` in turn. `zeros` are as many as one
 * row of a tile has.
 */
@inline
export function spreadTiles(
  four: bool,
  gradient: bool,
  images: Images,
  given: usize,
  to: usize,
  first: i32,
  end: i32,
  down: i32,
  across: i32,
  matrixBytes: usize,
  tileBytes: usize,
  evenBytes: usize,
  oddBytes: usize,
  zeros: usize,
  room: usize,
): void {
  const p = hold(room, 0, P);
  const q = hold(room, 1, Q);
  const p2 = hold(room, 2, P * P);
  const q2 = hold(room, 3, Q * Q);
  const product = hold(room, 4, P * P * Q * Q);
  const sum = hold(room, 5, P * P + Q * Q);
  const step = four ? 4 : 2;
  const places: usize = step + 2;
  const size = gradient ? step : step + 2;
  const lineBytes = (<usize>size) << 4;
  const height = images.height;
  const width = images.width;
  const pixelBytes = (<usize>images.channels) << 2;
  const rowBytes = <usize>width * pixelBytes;
  for (let tile = first; tile < end; tile++) {
    const row = step * ((tile / across) % down) - images.top;
    const column = step * (tile % across) - images.left;
    const begin = max(0, -column);
    const stop = min(size, width - column);
    const image = given + <usize>(tile / across / down) * <usize>height * rowBytes + <usize>column * pixelBytes;
    const row0 = rowOf(image, row, height, rowBytes, zeros);
    const row1 = rowOf(image, row + 1, height, rowBytes, zeros);
    const row2 = rowOf(image, row + 2, height, rowBytes, zeros);
    const row3 = rowOf(image, row + 3, height, rowBytes, zeros);
    const row4 = rowOf(image, row + 4, height, rowBytes, zeros);
    const row5 = rowOf(image, row + 5, height, rowBytes, zeros);
    let place = to;
    for (let channel: usize = 0; channel < pixelBytes; channel += 16) {
      // Columns first, then the rows of what they gave.
      let line = room;
      let at = channel;
      for (let i = 0; i < size; i++) {
        if (i >= begin && i < stop) {
          // prettier-ignore
          spreadLine(
            four, gradient, v128.load(row0 + at), v128.load(row1 + at), loadIf(size > 2, row2 + at),
            loadIf(size > 2, row3 + at), loadIf(size > 4, row4 + at), loadIf(size > 4, row5 + at),
            line, lineBytes, p, q, p2, q2, product, sum,
          );
        } else {
          for (let k: usize = 0; k < places; k++) v128.store(line + k * lineBytes, f32x4.splat(0));
        }
        line += 16;
        at += pixelBytes;
      }
      let matrix = place;
      line = room;
      for (let i: usize = 0; i < places; i++) {
        // prettier-ignore
        spreadLine(
          four, gradient, v128.load(line), v128.load(line, 16), loadIf(size > 2, line + 32),
          loadIf(size > 2, line + 48), loadIf(size > 4, line + 64), loadIf(size > 4, line + 80),
          matrix, matrixBytes, p, q, p2, q2, product, sum,
        );
        line += lineBytes;
        matrix += places * matrixBytes;
      }
      place += channel & 16 ? oddBytes : evenBytes;
    }
    to += tileBytes;
  }
}

@inline
function gatherLine(
  four: bool,
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  count: i32,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
  p3: v128,
  q3: v128,
): void {
  if (four) gather4(from, apart, to, toApart, count, p, q, p2, q2, p3, q3);
  else gather2(from, apart, to, toApart, count);
}

/** Back to the first `channels` of the pixels of the tiles `first` to `end` of all images: A^T m A. */
@inline
export function gatherTiles(
  four: bool,
  from: usize,
  images: Images,
  given: usize,
  first: i32,
  end: i32,
  down: i32,
  across: i32,
  channels: i32,
  matrixBytes: usize,
  room: usize,
): void {
  const p = hold(room, 0, P);
  const q = hold(room, 1, Q);
  const p2 = hold(room, 2, P * P);
  const q2 = hold(room, 3, Q * Q);
  const p3 = hold(room, 4, P * P * P);
  const q3 = hold(room, 5, Q * Q * Q);
  const step = four ? 4 : 2;
  const places: usize = step + 2;
  const lineBytes = places << 4;
  const pixelBytes = (<usize>images.channels) << 2;
  const rowBytes = <usize>images.width * pixelBytes;
  const bytes = (<usize>channels) << 2;
  for (let tile = first; tile < end; tile++) {
    const row = step * ((tile / across) % down);
    const column = step * (tile % across);
    const rows = min(step, images.height - row);
    const columns = min(step, images.width - column);
    const above = <usize>(tile / across / down) * <usize>images.height + <usize>row;
    const image = given + above * rowBytes + <usize>column * pixelBytes;
    for (let channel: usize = 0; channel < bytes; channel += 16) {
      let matrix = from + channel;
      for (let at: usize = 0; at < lineBytes; at += 16) {
        gatherLine(four, matrix, places * matrixBytes, room + at, lineBytes, step, p, q, p2, q2, p3, q3);
        matrix += matrixBytes;
      }
      let line = room;
      let to = image + channel;
      for (let i = 0; i < rows; i++) {
        gatherLine(four, line, 16, to, pixelBytes, columns, p, q, p2, q2, p3, q3);
        line += lineBytes;
        to += rowBytes;
      }
    }
    from += pixelBytes;
  }
}
