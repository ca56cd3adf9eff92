// Tiles of images to matrices and back. Everything is in 36 matrices, one for each place in a tile, from one to the next
// `matrixBytes`; channels come in fours.

import { Epilogue, finishTile } from "./epilogue";
import { inverseTransformLine, inverseTransformPairsLine, P, Q, transformGradientLine, transformLine } from "./winograd-lines";

/** Types that stand for tiles of 6 x 6 inputs and of 4 x 4 gradients, and for pixels and sums of squares of four. */
export type Inputs = u8;
export type Gradients = i8;
export type Pixels = u8;
export type Squares = i8;

/** Outputs of a tile along an axis, and places. */
const STEP: i32 = 4;
const PLACES: usize = 6;

/** Bytes of 4 channels of a tile, and of as many channels as a cache line has. */
const TILE: usize = 576;
const LINE: usize = 64;

/** Bytes of room for a tile, and for what {@link hold} holds. */
export const ROOM: usize = 4 * TILE + 64;

/** Images that are divided into tiles: int32 that ../convolution/winograd.ts writes in this order. */
@unmanaged
export class Images {
  /** 1 if each pixel in memory stands for a square of four, which the following count, else 0. */
  halved: i32;
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
export function hold(room: usize, index: usize, value: f32): v128 {
  const at = room + 4 * TILE + (index << 2);
  store<f32>(at, value);
  return v128.load_splat<f32>(at);
}

/** The fifth or sixth of a tile that has as many. */
@inline
function loadMore<T>(from: usize): v128 {
  return isSigned<T>() ? f32x4.splat(0) : v128.load(from);
}

/** Row `row` of an image, or zeros outside; by way of memory as well. */
@inline
function rowOf(room: usize, images: Images, image: usize, row: i32, rowBytes: usize, zeros: usize): usize {
  const inside = row >= 0 && row < images.height;
  store<usize>(room + 4 * TILE, inside ? image + <usize>(row >> images.halved) * rowBytes : zeros);
  return load<usize>(room + 4 * TILE);
}

/** Columns of a tile outside its image. */
@inline
function clearLines(line: usize, end: usize, lineBytes: usize): void {
  for (; line < end; line += 16) {
    for (let part: usize = 0; part < 4 * TILE; part += TILE) {
      for (let i: usize = 0; i < PLACES; i++) v128.store(line + part + i * lineBytes, f32x4.splat(0));
    }
  }
}

@inline
function transform<T>(
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
  if (isSigned<T>()) transformGradientLine(a, b, c, d, to, apart, p, q, p2, q2);
  else transformLine(a, b, c, d, e, f, to, apart, p, q, p2, q2, product, sum);
}

/**
 * The tiles `first` to `end` of all images, B^T d B of each or, of gradients, A dy A^T. From one tile to the next
 * are `tileBytes`, from one 4 of its channels to the next `evenBytes` and `oddBytes` in turn. `zeros` are as many as one
 * row of a tile has.
 */
export function transformTiles<T>(
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
  const size = isSigned<T>() ? 4 : 6;
  const lineBytes = (<usize>size) << 4;
  const width = images.width;
  const halved = images.halved;
  const pixelBytes = (<usize>images.channels) << 2;
  const rowBytes = <usize>(width >> halved) * pixelBytes;
  const imageBytes = <usize>(images.height >> halved) * rowBytes;
  for (let tile = first; tile < end; tile++) {
    const row = STEP * ((tile / across) % down) - images.top;
    const column = STEP * (tile % across) - images.left;
    // Columns from `begin` to `stop` are inside.
    const begin = (<usize>min(size, max(0, -column))) << 4;
    const stop = max(begin, (<usize>max(0, min(size, width - column))) << 4);
    const corner = column >> halved;
    const image = given + <usize>(tile / across / down) * imageBytes + <usize>corner * pixelBytes;
    const row0 = rowOf(room, images, image, row, rowBytes, zeros);
    const row1 = rowOf(room, images, image, row + 1, rowBytes, zeros);
    const row2 = rowOf(room, images, image, row + 2, rowBytes, zeros);
    const row3 = rowOf(room, images, image, row + 3, rowBytes, zeros);
    const row4 = rowOf(room, images, image, row + 4, rowBytes, zeros);
    const row5 = rowOf(room, images, image, row + 5, rowBytes, zeros);
    clearLines(room, room + begin, lineBytes);
    clearLines(room + stop, room + lineBytes, lineBytes);
    let place = to;
    for (let channel: usize = 0; channel < pixelBytes; channel += LINE) {
      // Columns first, then the rows of what they gave.
      const bytes = min(LINE, pixelBytes - channel);
      let pixel = column + <i32>(begin >> 4);
      for (let line = room + begin; line < room + stop; line += 16) {
        const at = channel + <usize>((pixel >> halved) - corner) * pixelBytes;
        let into = line;
        for (let from = at; from < at + bytes; from += 16) {
          // prettier-ignore
          transform<T>(
            v128.load(row0 + from), v128.load(row1 + from), v128.load(row2 + from),
            v128.load(row3 + from), loadMore<T>(row4 + from), loadMore<T>(row5 + from),
            into, lineBytes, p, q, p2, q2, product, sum,
          );
          into += TILE;
        }
        pixel++;
      }
      for (let from = room; from < room + bytes * (TILE >> 4); from += TILE) {
        let matrix = place;
        for (let line = from; line < from + PLACES * lineBytes; line += lineBytes) {
          // prettier-ignore
          transform<T>(
            v128.load(line), v128.load(line, 16), v128.load(line, 32),
            v128.load(line, 48), loadMore<T>(line + 64), loadMore<T>(line + 80),
            matrix, matrixBytes, p, q, p2, q2, product, sum,
          );
          matrix += PLACES * matrixBytes;
        }
        place += (from - room) & TILE ? oddBytes : evenBytes;
      }
    }
    to += tileBytes;
  }
}

@inline
function inverseTransform<T>(
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
  if (isSigned<T>()) inverseTransformPairsLine(from, apart, to, toApart, count, p, q, p2, q2, p3, q3);
  else inverseTransformLine(from, apart, to, toApart, count, p, q, p2, q2, p3, q3);
}

/**
 * Back to `channels`, `skip` bytes from the first, of the pixels, or sums, of the tiles `first` to `end` of all images:
 * A^T m A, and what the epilogue adds.
 */
export function inverseTransformTiles<T>(
  from: usize,
  images: Images,
  given: usize,
  first: i32,
  end: i32,
  down: i32,
  across: i32,
  skip: usize,
  channels: i32,
  matrixBytes: usize,
  epilogue: Epilogue,
  room: usize,
): void {
  const p = hold(room, 0, P);
  const q = hold(room, 1, Q);
  const p2 = hold(room, 2, P * P);
  const q2 = hold(room, 3, Q * Q);
  const p3 = hold(room, 4, P * P * P);
  const q3 = hold(room, 5, Q * Q * Q);
  const lineBytes = PLACES << 4;
  const pixelBytes = (<usize>images.channels) << 2;
  const step = isSigned<T>() ? 2 : 4;
  const height = images.height >> images.halved;
  const width = images.width >> images.halved;
  const rowBytes = <usize>width * pixelBytes;
  const bytes = (<usize>channels) << 2;
  const finishes = epilogue.bias | epilogue.rows | epilogue.apart;
  for (let tile = first; tile < end; tile++) {
    const row = step * ((tile / across) % down);
    const column = step * (tile % across);
    const rows = min(step, height - row);
    const columns = min(step, width - column);
    const sample = <usize>(tile / across / down);
    const above = sample * <usize>height + <usize>row;
    const image = given + above * rowBytes + <usize>column * pixelBytes + skip;
    for (let channel: usize = 0; channel < bytes; channel += 16) {
      let matrix = from + skip + channel;
      for (let at: usize = 0; at < lineBytes; at += 16) {
        inverseTransform<T>(matrix, PLACES * matrixBytes, room + at, lineBytes, step, p, q, p2, q2, p3, q3);
        matrix += matrixBytes;
      }
      let line = room;
      let to = image + channel;
      for (let i = 0; i < rows; i++) {
        inverseTransform<T>(line, 16, to, pixelBytes, columns, p, q, p2, q2, p3, q3);
        line += lineBytes;
        to += rowBytes;
      }
      if (finishes) {
        finishTile(epilogue, image + channel, skip + channel, sample, rows, columns, rowBytes, pixelBytes);
      }
    }
    from += pixelBytes;
  }
}
