import type * as tf from "../../../tfjs.js";
import { check } from "../../../check.js";
import { DOUBLE, FLOAT, address, sizeOf, withScratch, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import { view } from "../operations/identity.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of src/models/channelwise.ts, and what norms share with it.

/** Pixels whose sums the kernels take in float32, and channels that are a unit of sums: as in kernels/channels.ts. */
const BLOCK = 32;
export const SLICE = 16;

/** A batch of images [B, ..., C] as the kernels see it. */
export interface Images {
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
}

export function imageSizes({ shape }: tf.TensorInfo): Images {
  return { batch: shape[0]!, pixels: sizeOf(shape.slice(1, -1)), channels: shape.at(-1)! };
}

/** Throws unless each is one number per channel: a kernel would read on past a shorter one. */
export function checkRows(where: string, channels: number, rows: readonly tf.TensorInfo[]): void {
  for (const row of rows) {
    check(sizeOf(row.shape) === channels, where, `${channels} numbers, one per channel`, row.shape);
  }
}

/** Units that are blocks of an image's pixels. */
export function pixelBlocks({ batch, pixels, channels }: Images): { units: number; work: number } {
  return { units: batch * Math.ceil(pixels / BLOCK), work: PASS * Math.min(BLOCK, pixels) * channels };
}

/** Units that are some channels of an image. */
export function channelSlices(
  { batch, pixels, channels }: Images,
  slice = SLICE,
): { units: number; work: number } {
  return { units: batch * Math.ceil(channels / slice), work: PASS * pixels * Math.min(slice, channels) };
}

/** x plus one row of channels, or one for each sample. */
export const addPerChannel: FusedKernel<"AddPerChannel"> = ({ input0, input1 }, backend, { perSample }) => {
  const sizes = imageSizes(input0!);
  const { batch, channels } = sizes;
  checkRows("addPerChannel", perSample ? batch * channels : channels, [input1!]);
  const y = backend.makeOutput(input0!.shape, "float32");
  const [from, rows, to] = [input0!, input1!, y].map((tensor) => address(backend, tensor));
  addRows(backend, [from!, rows!, to!], sizes, perSample ? channels * FLOAT : 0);
  return y;
};

/** to = from + row for each pixel of each image; `stepBytes` from one image's row to the next. May be in place. */
export function addRows(
  backend: WasmBackend,
  [from, rows, to]: readonly [number, number, number],
  sizes: Images,
  stepBytes: number,
): void {
  run(backend, "addRows", pixelBlocks(sizes), from, rows, to, sizes.pixels, sizes.channels, stepBytes);
}

export const addPerChannelGradient: FusedKernel<"AddPerChannelGradient"> = (
  { dy },
  backend,
  { perSample },
) => {
  const { batch, channels } = imageSizes(dy!);
  const shape = perSample ? [batch, channels] : [channels];
  return [view(backend, dy!), sumPixels(backend, dy!, shape, 1)];
};

/** The mean over each image's pixels, [B, 1, 1, C]. */
export const pixelMean: FusedKernel<"PixelMean"> = ({ input0 }, backend) => {
  const { batch, pixels, channels } = imageSizes(input0!);
  return sumPixels(backend, input0!, [batch, 1, 1, channels], pixels);
};

export const pixelMeanGradient: FusedKernel<"PixelMeanGradient"> = ({ dy }, backend, { height, width }) => {
  const { batch, channels } = imageSizes(dy!);
  const dx = backend.makeOutput([batch, height, width, channels], "float32");
  const pixels = height * width;
  const addresses = [address(backend, dy!), address(backend, dx)];
  const job = { units: batch, work: PASS * pixels * channels };
  run(backend, "repeatRows", job, ...addresses, pixels, channels, 1 / pixels);
  return dx;
};

/** Sums over pixels divided by `divisor`, for each sample or, of shape [C], over all samples as well. */
export function sumPixels(
  backend: WasmBackend,
  x: tf.TensorInfo,
  shape: number[],
  divisor: number,
): tf.TensorInfo {
  const sizes = imageSizes(x);
  const { batch, pixels, channels } = sizes;
  const out = backend.makeOutput(shape, "float32");
  const [from, to] = [address(backend, x), address(backend, out)];
  const rows = shape.length > 1 ? 1 : batch;
  withScratch(backend, [batch * channels * DOUBLE], (sums) => {
    run(backend, "sumChannels", channelSlices(sizes), from, 0, sums, pixels, channels);
    sumRows(backend, { sums, to, rows, columns: (batch / rows) * channels, divisor });
  });
  return out;
}

/** float64 columns at `sums`, and where their sums are to go. */
export interface Columns {
  readonly sums: number;
  readonly to: number;
  readonly rows: number;
  readonly columns: number;
  /** From one row to the next, unless there is nothing between them. */
  readonly stepBytes?: number;
  readonly divisor?: number;
  /** The address of numbers that the sums are multiplied by. */
  readonly weights?: number;
}

/** Sums over rows, in their order, to float32. */
export function sumRows(
  backend: WasmBackend,
  { sums, to, rows, columns, stepBytes = columns * DOUBLE, divisor = 1, weights = 0 }: Columns,
): void {
  const job = { units: columns, work: PASS * rows };
  run(backend, "sumRows", job, sums, to, weights, rows, stepBytes, divisor);
}
