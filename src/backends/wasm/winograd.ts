import type * as tf from "@tensorflow/tfjs";
import { divide, workOf, type Division } from "./division.js";
import { FLOAT, panelBytes, type ConvInfo } from "./geometry.js";
import { address, withScratch, writeInts, type WasmBackend } from "./heap.js";
import { run } from "./jobs.js";

// Convolutions of 3 x 3 filters in tiles (kernels/winograd.ts): by F(2x2, 3x3) 16 matrix products with 4/9 of the direct
// sum's multiplications. Each tile of each image is computed by itself, whatever its batch.

// From here on the products saved are worth the work on the filters and the tiles. Not asked of the whole batch: an
// image's numbers must not depend on its neighbours.
const LEAST_TILES = 16;
const LEAST_CHANNELS = 16;

/** Tiles that a kernel takes together (kernels/winograd.ts). */
const BLOCK = 48;

/** Bytes that a kernel wants for a tile, and for filters. */
export const TILE_ROOM = 4 * 576 + 64;
export const FILTER_ROOM = 288 + 9 * 64 + 16 * 576;

/** Numbers in a kernel's description of the task. */
export const PLAN = 19;

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
  /** Outputs of a tile along an axis. */
  readonly size: Size;
}

type Size = 2 | 4;

/** Tiles of an image along both axes. */
const tilesAlong = (height: number, width: number, size: Size) =>
  [Math.ceil(height / size), Math.ceil(width / size)] as const;

/** Tiles of all images. */
export function tilesOf({ to, size }: Winograd): number {
  const [down, across] = tilesAlong(to[1], to[2], size);
  return to[0] * down * across;
}

/** The tiles by which a convolution and its gradients are done, if they are done this way. */
function sizeFor({ outHeight, outWidth }: ConvInfo): Size | undefined {
  const enough = (size: Size) => {
    const [down, across] = tilesAlong(outHeight, outWidth, size);
    return down * across >= LEAST_TILES;
  };
  return enough(4) ? 4 : enough(2) ? 2 : undefined;
}

/** Whether a convolution and its gradients are done this way. */
export function suits(info: ConvInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const shape = filterHeight === 3 && filterWidth === 3 && strideHeight * strideWidth === 1;
  const channels =
    Math.min(inChannels, outChannels) >= LEAST_CHANNELS && (inChannels | outChannels) % 4 === 0;
  return shape && channels && sizeFor(info) !== undefined;
}

export function forward(info: ConvInfo): Winograd {
  const { inShape, outShape, padInfo } = info;
  const { top, left } = padInfo;
  return { from: inShape, to: outShape, top, left, turned: false, size: sizeFor(info)! };
}

export function backward(info: ConvInfo): Winograd {
  const { inShape, outShape, padInfo } = info;
  const [top, left] = [2 - padInfo.top, 2 - padInfo.left];
  return { from: outShape, to: inShape, top, left, turned: true, size: sizeFor(info)! };
}

// A cache line more than needed, lest all matrices fall into the same few sets of the cache.
export const matrixBytes = (rows: number, columns: number) =>
  Math.ceil((rows * columns * FLOAT) / 64) * 64 + 64;

/** What a kernel has to know of a task: {@link PLAN} numbers, of which `matrices` are the last three. */
export function describe(
  task: Winograd,
  { rows, panels }: Pick<Division, "rows" | "panels">,
  matrices: readonly [number, number, number],
): number[] {
  const { from, to, top, left, size } = task;
  const images = [...from.slice(1), top, left, ...to.slice(1), 0, 0];
  return [...images, size, ...tilesAlong(to[1], to[2], size), tilesOf(task), rows, panels, ...matrices];
}

export function winograd(
  backend: WasmBackend,
  input: tf.TensorInfo,
  filter: tf.TensorInfo,
  task: Winograd,
): tf.TensorInfo {
  const { to, size } = task;
  const [inputs, outputs] = [task.from[3], to[3]];
  const out = backend.makeOutput(to, "float32");
  const [side, places] = [size + 2, (size + 2) ** 2];
  const tiles = tilesOf(task);
  const division = divide(tiles, outputs);
  const rows = Math.max(BLOCK, division.rows);
  const most = Math.min(rows, tiles);
  const filters = matrixBytes(inputs, panelBytes(outputs, 8) / FLOAT);
  const matrices = [matrixBytes(most, inputs), matrixBytes(most, outputs), filters] as const;
  // Units that share tiles share what these spread to.
  const shared = division.rows === tiles;
  const bytes = [PLAN * FLOAT, places * filters, shared ? places * matrices[0] : 0];
  withScratch(backend, bytes, (plan, panels, spread) => {
    packFilters(backend, address(backend, filter), task, panels);
    writeInts(backend, plan, describe(task, division, matrices));
    const from = address(backend, input);
    const tileRoom = TILE_ROOM + side * inputs * FLOAT;
    const spreading = { units: tiles, work: 8 * places * inputs, room: tileRoom };
    if (shared) run(backend, "spreadRows", spreading, plan, from, spread);
    const room = tileRoom + rows * 2 * FLOAT + places * (matrices[1] + (shared ? 0 : matrices[0]));
    const job = { units: division.units, work: places * workOf(division, inputs), room };
    run(backend, "convolveTiles", job, plan, from, shared ? spread : 0, panels, address(backend, out));
  });
  return out;
}

function packFilters(backend: WasmBackend, weights: number, task: Winograd, panels: number): void {
  const { from, to, turned, size } = task;
  const [inputs, outputs] = turned ? [to[3], from[3]] : [from[3], to[3]];
  const pack = turned ? "packTurned" : "packFilters";
  const job = { units: Math.ceil(to[3] / 8), work: (size + 2) ** 2 * from[3] * 8 * 8, room: FILTER_ROOM };
  const bytes = matrixBytes(from[3], panelBytes(to[3], 8) / FLOAT);
  run(backend, pack, job, weights, panels, inputs, outputs, bytes, Number(size === 4));
}
