import * as tf from "../../../tfjs.js";
import { addRows } from "../fused/channelwise.js";
import { address, kernel, sizeOf, type WasmBackend } from "../memory/heap.js";
import type { FusedAttributes, Transposes } from "../stock/mat-mul.js";
import { multiply } from "./products.js";

/** tf.matMul by this library's own kernels: nothing is transposed or broadcast in memory, nothing cached. */
export function directMatMul(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel<Transposes>(({ a, b }, backend, attrs) =>
      feasible(a!, b!, attrs) ? product(backend, a!, b!, attrs) : composed(call),
    );
    return run(call);
  };
}

/** tf.fused.matMul where it only adds a bias per column, as linear layers do: added in place. */
export function directFusedMatMul(composed: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const run = kernel<FusedAttributes>(({ a, b, bias }, backend, fused) => {
      const columns = sizes(b!, fused.transposeB)[1];
      const biased =
        bias?.dtype === "float32" && bias.shape.at(-1) === columns && sizeOf(bias.shape) === columns;
      if (!biased || fused.activation !== "linear" || !feasible(a!, b!, fused)) return composed(call);
      const out = product(backend, a!, b!, fused);
      const rows = sizeOf(out.shape) / columns;
      const at = address(backend, out);
      addRows(backend, [at, address(backend, bias), at], { batch: 1, pixels: rows, channels: columns }, 0);
      return out;
    });
    return run(call);
  };
}

/** The kernels do any product of numbers; empty ones and errors are left to the composition. */
function feasible(a: tf.TensorInfo, b: tf.TensorInfo, { transposeA, transposeB }: Transposes): boolean {
  const floats = a.dtype === "float32" && b.dtype === "float32";
  const fit = sizes(a, transposeA)[1] === sizes(b, transposeB)[0];
  return floats && fit && sizeOf(a.shape) * sizeOf(b.shape) > 0;
}

function product(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: Transposes,
): tf.TensorInfo {
  const [rows, inner] = sizes(a, transposeA);
  const columns = sizes(b, transposeB)[1];
  // A single row or column is stored alike either way.
  const turnedLeft = transposeA && rows > 1 && inner > 1;
  const turnedRight = transposeB && columns > 1 && inner > 1;
  if (turnedLeft && turnedRight) {
    const turned = turn(b);
    const out = product(backend, a, turned, { transposeA, transposeB: false });
    turned.dispose();
    return out;
  }
  const outer = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const out = backend.makeOutput([...outer, rows, columns], "float32");
  const [lefts, rights] = [visits(a.shape, outer), visits(b.shape, outer)];
  const pairs = lefts.map((left, i) => [left, rights[i]!] as const);
  // One right-hand side for a whole batch: its rows are those of one tall matrix.
  const tall =
    sizeOf(b.shape.slice(0, -2)) === 1 && !turnedLeft && sizeOf(a.shape.slice(0, -2)) === lefts.length;
  const at = { left: address(backend, a), right: address(backend, b), out: address(backend, out) };
  const transposed = turnedLeft ? "left" : turnedRight ? "right" : "none";
  const height = tall ? rows * lefts.length : rows;
  multiply(backend, { rows: height, inner, columns, transposed }, at, tall ? [[0, 0]] : pairs);
  return out;
}

/** The matrices transposed in memory. */
function turn(x: tf.TensorInfo): tf.Tensor {
  const last = x.shape.length - 1;
  const axes = x.shape.map((_, axis) => axis);
  return tf.transpose(x as unknown as tf.Tensor, [...axes.slice(0, -2), last, last - 1]);
}

/** Rows and columns of the matrices, as they are multiplied. */
function sizes({ shape }: tf.TensorInfo, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** Which matrix of a tensor each product of the batch `outer` meets. */
function visits(shape: readonly number[], outer: readonly number[]): number[] {
  const batch = shape.slice(0, -2);
  let index = [0];
  let stride = 1;
  // From the last axis to the first: the places so far, once for each step along the axis.
  for (let axis = outer.length - 1; axis >= 0; axis--) {
    const size = batch[axis - outer.length + batch.length] ?? 1;
    const step = size === 1 ? 0 : stride;
    const inner = index;
    index = Array.from({ length: outer[axis]! }, (_, i) => inner.map((at) => at + i * step)).flat();
    stride *= size;
  }
  return index;
}
