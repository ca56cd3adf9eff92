import type * as tf from "@tensorflow/tfjs";
import { check } from "../../check.js";
import { FLOAT } from "./geometry.js";
import { address, kernel, sizeOf, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf } from "./module.js";
import { share } from "./share.js";

// The engine's part of src/models/channelwise.ts.

/** A batch of images [B, ..., C] as the kernels see it. */
export function imageSizes({ shape }: tf.TensorInfo): { batch: number; pixels: number; channels: number } {
  return { batch: shape[0]!, pixels: sizeOf(shape.slice(1, -1)), channels: shape.at(-1)! };
}

/** Throws unless each is one number per channel: a kernel would read on past a shorter one. */
export function checkRows(where: string, channels: number, rows: readonly tf.TensorInfo[]): void {
  for (const row of rows) {
    check(sizeOf(row.shape) === channels, where, `${channels} numbers, one per channel`, row.shape);
  }
}

/** x plus one row of channels, or one for each sample. */
export const addPerChannel: tf.KernelFunc = kernel(({ input0, input1 }, backend, { perSample }) => {
  const { batch, pixels, channels } = imageSizes(input0!);
  checkRows("addPerChannel", perSample === true ? batch * channels : channels, [input1!]);
  const y = backend.makeOutput(input0!.shape, "float32");
  const addresses = [input0!, input1!, y].map((tensor) => address(backend, tensor));
  const step = perSample === true ? channels * FLOAT : 0;
  kernelsOf(backend).addRows(...addresses, batch, pixels, channels, step);
  return y;
});

export const addPerChannelGradient: tf.KernelFunc = kernel(({ dy }, backend, { perSample }) => {
  const { batch, channels } = imageSizes(dy!);
  const shape = perSample === true ? [batch, channels] : [channels];
  return [share(backend, dy!), sumPixels(backend, dy!, shape, 1)];
});

/** The mean over each image's pixels, [B, 1, 1, C]. */
export const pixelMean: tf.KernelFunc = kernel(({ input0 }, backend) => {
  const { batch, pixels, channels } = imageSizes(input0!);
  return sumPixels(backend, input0!, [batch, 1, 1, channels], 1 / pixels);
});

export const pixelMeanGradient: tf.KernelFunc = kernel(({ dy }, backend, attrs) => {
  const [height, width] = [attrs.height as number, attrs.width as number];
  const { batch, channels } = imageSizes(dy!);
  const dx = backend.makeOutput([batch, height, width, channels], "float32");
  const pixels = height * width;
  const addresses = [address(backend, dy!), address(backend, dx)];
  kernelsOf(backend).repeatRows(...addresses, batch, pixels, channels, 1 / pixels);
  return dx;
});

/** Sums over pixels times `factor`, for each sample or, of shape [C], over all samples as well. */
function sumPixels(backend: WasmBackend, x: tf.TensorInfo, shape: number[], factor: number): tf.TensorInfo {
  const { batch, pixels, channels } = imageSizes(x);
  const out = backend.makeOutput(shape, "float32");
  const step = shape.length > 1 ? channels * FLOAT : 0;
  const [from, to] = [address(backend, x), address(backend, out)];
  withScratch(backend, [3 * channels * FLOAT], (room) => {
    backend.wasm.HEAPU8.fill(0, room, room + 3 * channels * FLOAT);
    kernelsOf(backend).sumPixels(from, to, room, batch, pixels, channels, factor, step);
  });
  return out;
}
