import type * as tf from "@tensorflow/tfjs";
import { FLOAT, panelBytes, type ConvInfo } from "./geometry.js";
import { groundOf, pad, type Ground, type Placed } from "./ground.js";
import { address, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf, type Kernels } from "./module.js";

// Convolutions of 3 x 3 filters by F(2x2, 3x3), see kernels/winograd.ts: 16 matrix products with 4/9 of the direct
// sum's multiplications. Each tile of each image is computed by itself, whatever its batch.

/** Tiles that are in flight together: their 2 x 16 matrices should stay in the L2 cache. */
const TILES = 96;

// From here on the products saved are worth the work on the filters and the tiles. Not asked of the whole batch: an
// image's numbers must not depend on its neighbours.
const LEAST_TILES = 16;
const LEAST_CHANNELS = 16;

type Shape = readonly [number, number, number, number];

export interface Winograd {
  /** [batch, height, width, channels] */
  readonly from: Shape;
  readonly to: Shape;
  /** The border before the input; cut off it, if negative. */
  readonly top: number;
  readonly left: number;
  /** The filter turned round and its channels exchanged, as the input's gradient wants it. */
  readonly turned: boolean;
}

const half = (size: number) => Math.ceil(size / 2);

/** Whether a convolution and its input gradient are done this way. */
export function suits(info: ConvInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const shape = filterHeight === 3 && filterWidth === 3 && strideHeight * strideWidth === 1;
  const channels =
    Math.min(inChannels, outChannels) >= LEAST_CHANNELS && (inChannels | outChannels) % 4 === 0;
  return shape && channels && half(info.outHeight) * half(info.outWidth) >= LEAST_TILES;
}

export function forward({ inShape, outShape, padInfo }: ConvInfo): Winograd {
  return { from: inShape, to: outShape, top: padInfo.top, left: padInfo.left, turned: false };
}

export function backward({ inShape, outShape, padInfo }: ConvInfo): Winograd {
  return { from: outShape, to: inShape, top: 2 - padInfo.top, left: 2 - padInfo.left, turned: true };
}

/** Addresses of the scratch. */
interface Room {
  readonly padded: number;
  /** Matrices of transformed tiles, [place in a tile, tile, channel], and of what they give. */
  readonly spread: number;
  readonly products: number;
  readonly list: number;
  readonly panels: number;
  /** Four channels of a filter at a time. */
  readonly filter: number;
}

/** How the work is divided. */
export interface Plan extends Winograd, Placed {
  readonly ground: Ground;
  readonly down: number;
  readonly across: number;
  /** Small images are in flight together, large ones in parts: so many images, of so many tiles in all. */
  readonly images: number;
  readonly rows: number;
}

export function plan(task: Winograd): Plan {
  const { from, to, top, left } = task;
  const [down, across] = [half(to[1]), half(to[2])];
  const canvas = { height: 2 * down + 2, width: 2 * across + 2, top, left };
  const images = Math.max(1, Math.min(from[0], Math.floor(TILES / (down * across))));
  const rows = Math.min(TILES, images * down * across);
  return { ...task, canvas, ground: groundOf({ from, canvas }), down, across, images, rows };
}

// A cache line more than needed, lest all 16 matrices fall into the same few sets of the cache.
export const matrixBytes = (rows: number, columns: number) =>
  Math.ceil((rows * columns * FLOAT) / 64) * 64 + 64;

/** One matrix of transformed filters, in panels. */
const panelsBytes = (inputs: number, outputs: number) => matrixBytes(inputs, panelBytes(outputs, 8) / FLOAT);

export function winograd(
  backend: WasmBackend,
  input: tf.TensorInfo,
  filter: tf.TensorInfo,
  task: Winograd,
): tf.TensorInfo {
  const kernels = kernelsOf(backend);
  const { from, to } = task;
  const out = backend.makeOutput(to, "float32");
  const all = plan(task);
  const { ground, images, rows } = all;
  const imageBytes = (shape: Shape) => shape[1] * shape[2] * shape[3] * FLOAT;
  const bytes: Room = {
    padded: ground.bare ? 0 : images * ground.imageBytes,
    spread: 16 * matrixBytes(rows, from[3]),
    products: 16 * matrixBytes(rows, to[3]),
    list: rows * 2 * FLOAT,
    panels: 16 * panelsBytes(from[3], to[3]),
    filter: 4 * 16 * 4 * FLOAT,
  };
  const names = Object.keys(bytes);
  withScratch(backend, Object.values(bytes) as number[], (...parts) => {
    const room = Object.fromEntries(names.map((name, i) => [name, parts[i]!])) as unknown as Room;
    packFilters(kernels, address(backend, filter), task, room);
    kernels.listPixels(room.list, 1, 1, rows, 0, 0, from[3] * FLOAT, 0, 0, to[3] * FLOAT);
    backend.wasm.HEAPU8.fill(0, room.padded, room.padded + bytes.padded);
    for (let image = 0; image < from[0]; image += images) {
      const count = Math.min(images, from[0] - image);
      const source = address(backend, input) + image * imageBytes(from);
      for (let i = 0; i < count && !ground.bare; i++) pad(kernels, all, ground, [source, room.padded, i]);
      const start = ground.bare ? source + ground.skip : room.padded;
      convolveImages(kernels, all, room, [start, address(backend, out) + image * imageBytes(to), count]);
    }
  });
  return out;
}

function convolveImages(
  kernels: Kernels,
  { from, to, ground, down, across, rows }: Plan,
  { spread, products, list, panels }: Room,
  [source, target, images]: readonly [number, number, number],
): void {
  const [inputs, outputs] = [from[3], to[3]];
  const inputBytes = matrixBytes(rows, inputs);
  const outputBytes = matrixBytes(rows, outputs);
  for (let first = 0; first < down * across; first += rows) {
    const end = Math.min(first + rows, down * across);
    for (let i = 0; i < images; i++) {
      const at = spread + i * (end - first) * inputs * FLOAT;
      const image = source + i * ground.imageBytes;
      kernels.spreadTiles(image, at, first, end, across, inputs, ground.rowBytes, inputBytes);
    }
    for (let place = 0; place < 16; place++) {
      const panel = panels + place * panelsBytes(inputs, outputs);
      const [left, product] = [spread + place * inputBytes, products + place * outputBytes];
      kernels.convolveListed(left, list, images * (end - first), panel, product, outputs, 1, inputs, 0);
    }
    for (let i = 0; i < images; i++) {
      const at = products + i * (end - first) * outputs * FLOAT;
      const image = target + i * to[1] * to[2] * outputs * FLOAT;
      kernels.gatherTiles(at, image, first, end, across, outputs, to[1], to[2], outputBytes);
    }
  }
}

function packFilters(
  kernels: Kernels,
  weights: number,
  { from, to, turned }: Winograd,
  { filter, panels }: Room,
): void {
  const [inputs, outputs] = turned ? [to[3], from[3]] : [from[3], to[3]];
  const pack = turned ? kernels.packSpreadTurned : kernels.packSpread;
  pack(weights, panels, inputs, outputs, filter, panelsBytes(from[3], to[3]));
}
