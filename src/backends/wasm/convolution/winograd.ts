import type * as tf from "../../../tfjs.js";
import { divide, workOf, type Division } from "./division.js";
import { describeAdded, EPILOGUE, type Added } from "./epilogue.js";
import { panelBytes, type ConvInfo } from "./geometry.js";
import { FLOAT, address, withScratch, writeInts, type WasmBackend } from "../memory/heap.js";
import { run } from "../threads/jobs.js";

// Convolutions of 3 x 3 filters by F(4x4, 3x3), see kernels/winograd-lines.ts: 36 matrix products, a quarter of the direct
// sum's multiplications. Tiles and filters are transformed, multiplied place by place, and the products transformed back.
// Each tile of each image is computed by itself, whatever its batch.

/** Outputs of a tile along an axis, and places in it. */
const STEP = 4;
const SIDE = 6;
export const PLACES = SIDE ** 2;

// From here on the products saved are worth the work on the filters and the tiles: not asked of the whole batch, since
// an image's numbers must not depend on its neighbours.
const LEAST_TILES = 4;
const LEAST_CHANNELS = 16;

/** Tiles that a kernel takes together (kernels/winograd.ts). */
const BLOCK = 48;

/** Bytes that a kernel wants for tiles of so many channels, and for filters. */
export const tileRoom = (channels: number) => 4 * PLACES * 16 + 64 + SIDE * channels * FLOAT;
export const FILTER_ROOM = 288 + 9 * 64 + 16 * 288;

/** Numbers in a kernel's description of the task. */
export const PLAN = 20;

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
  /** Whose pixels stand for squares of four: input that is enlarged on the way, output whose squares are summed. */
  readonly halved?: "from" | "to";
  readonly added?: Added;
}

/** Tiles of an image along both axes. */
const tilesAlong = (height: number, width: number) =>
  [Math.ceil(height / STEP), Math.ceil(width / STEP)] as const;

/** Tiles of all images. */
export function tilesOf({ to }: Winograd): number {
  const [down, across] = tilesAlong(to[1], to[2]);
  return to[0] * down * across;
}

/** Whether a convolution and its gradients are done this way. */
export function suits(info: ConvInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const { outHeight, outWidth } = info;
  const shape = filterHeight === 3 && filterWidth === 3 && strideHeight * strideWidth === 1;
  const channels =
    Math.min(inChannels, outChannels) >= LEAST_CHANNELS && (inChannels | outChannels) % 4 === 0;
  const [down, across] = tilesAlong(outHeight, outWidth);
  const halfFull = 2 * outHeight * outWidth >= down * across * STEP ** 2;
  return shape && channels && halfFull && down * across >= LEAST_TILES;
}

export function forward(info: ConvInfo): Winograd {
  const { inShape, outShape, padInfo } = info;
  const { top, left } = padInfo;
  return { from: inShape, to: outShape, top, left, turned: false };
}

export function backward(info: ConvInfo): Winograd {
  const { inShape, outShape, padInfo } = info;
  const [top, left] = [2 - padInfo.top, 2 - padInfo.left];
  return { from: outShape, to: inShape, top, left, turned: true };
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
  const { from, to, top, left, halved } = task;
  const given = [Number(halved === "from"), ...from.slice(1), top, left];
  const wanted = [Number(halved === "to"), ...to.slice(1), 0, 0];
  return [...given, ...wanted, ...tilesAlong(to[1], to[2]), tilesOf(task), rows, panels, ...matrices];
}

const half = ([batch, height, width, channels]: Shape): Shape => [batch, height / 2, width / 2, channels];

export function winograd(
  backend: WasmBackend,
  input: tf.TensorInfo,
  filter: tf.TensorInfo,
  task: Winograd,
): tf.TensorInfo {
  const { to, halved, added = {} } = task;
  const [inputs, outputs] = [task.from[3], to[3]];
  const out = backend.makeOutput(halved === "to" ? half(to) : to, "float32");
  const tiles = tilesOf(task);
  const division = divide(tiles, outputs);
  const rows = Math.max(BLOCK, division.rows);
  const most = Math.min(rows, tiles);
  const filters = matrixBytes(inputs, panelBytes(outputs, 8) / FLOAT);
  const matrices = [matrixBytes(most, inputs), matrixBytes(most, outputs), filters] as const;
  // Units that share tiles share what these are transformed to.
  const shared = division.rows === tiles;
  const bytes = [(PLAN + EPILOGUE) * FLOAT, PLACES * filters, shared ? PLACES * matrices[0] : 0];
  withScratch(backend, bytes, (plan, panels, transformed) => {
    packFilters(backend, address(backend, filter), task, panels);
    const epilogue = describeAdded(backend, added, out);
    writeInts(backend, plan, [...describe(task, division, matrices), ...epilogue]);
    const from = address(backend, input);
    const transforming = { units: tiles, work: 8 * PLACES * inputs, room: tileRoom(inputs) };
    if (shared) run(backend, "transformRows", transforming, plan, from, transformed);
    const held = matrices[1] + (shared ? 0 : matrices[0]);
    const room = tileRoom(inputs) + rows * 2 * FLOAT + PLACES * held;
    const job = { units: division.units, work: PLACES * workOf(division, inputs), room };
    run(backend, "convolveTiles", job, plan, from, shared ? transformed : 0, panels, address(backend, out));
  });
  return out;
}

function packFilters(backend: WasmBackend, weights: number, task: Winograd, panels: number): void {
  const { from, to, turned } = task;
  const [inputs, outputs] = turned ? [to[3], from[3]] : [from[3], to[3]];
  const pack = turned ? "packTurned" : "packFilters";
  const job = { units: Math.ceil(to[3] / 8), work: PLACES * from[3] * 8 * 8, room: FILTER_ROOM };
  const bytes = matrixBytes(from[3], panelBytes(to[3], 8) / FLOAT);
  run(backend, pack, job, weights, panels, inputs, outputs, bytes);
}
