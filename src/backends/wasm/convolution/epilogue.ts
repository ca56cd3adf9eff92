import type * as tf from "../../../tfjs.js";
import { check } from "../../../check.js";
import { checkRows, imageSizes } from "../fused/channelwise.js";
import { FLOAT, address, sizeOf, type WasmBackend } from "../memory/heap.js";

// The epilogue, as libraries for matrix products call it: what is done to outputs while they are still in the cache.

/** What a convolution adds to its outputs, in this order: see kernels/epilogue.ts. */
export interface Added {
  /** One number per channel. */
  readonly bias?: tf.TensorInfo | undefined;
  /** One per sample and channel. */
  readonly rows?: tf.TensorInfo | undefined;
  /** Of the output's shape. */
  readonly residual?: tf.TensorInfo | undefined;
}

/** Numbers of {@link describeAdded}. */
export const EPILOGUE = 4;

/** What is added to `out`, as kernels read it. */
export function describeAdded(
  backend: WasmBackend,
  { bias, rows, residual }: Added,
  out: tf.TensorInfo,
): number[] {
  const { batch, channels } = imageSizes(out);
  if (bias) checkRows("conv2d", channels, [bias]);
  if (rows) checkRows("conv2d", batch * channels, [rows]);
  const fits = residual === undefined || sizeOf(residual.shape) === sizeOf(out.shape);
  check(fits, "conv2d", `a residual of shape [${out.shape.join(", ")}]`, residual?.shape);
  const at = (tensor: tf.TensorInfo | undefined) => (tensor ? address(backend, tensor) : 0);
  const apart = residual ? address(backend, residual) - address(backend, out) : 0;
  return [at(bias), at(rows), channels * FLOAT, apart];
}
