import * as tf from "../../../tfjs.js";
import { sumPixels, sumRows } from "../fused/channelwise.js";
import { DOUBLE, address, kernel, sizeOf, withScratch, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";

// tf.sum and tf.mean of float32 over the first or the last axes, or all: the stock kernels sum in float32, in one thread.

/** Numbers of a unit: as in kernels/elementwise.ts. */
const PIECE = 4096;

interface Attributes {
  readonly axis?: number | number[];
  readonly keepDims?: boolean;
}

/** Falls back on the stock kernel for other types and axes. */
export function sums({ mean }: { readonly mean: boolean }): (stock: tf.KernelFunc) => tf.KernelFunc {
  return (stock) => (call) => {
    const own = kernel<Attributes>(({ x }, backend, { axis, keepDims }) => {
      const axes = tf.util.parseAxisParam(axis ?? x!.shape.map((_, i) => i), x!.shape);
      const side = x!.dtype === "float32" && sizeOf(x!.shape) > 0 ? sideOf(x!.shape, axes) : undefined;
      if (side === undefined) return stock(call);
      const [kept, summed] = tf.backend_util.computeOutAndReduceShapes(x!.shape, axes);
      const shape = keepDims === true ? tf.backend_util.expandShapeToKeepDim(kept, axes) : kept;
      const divisor = mean ? sizeOf(summed) : 1;
      return side === "last" ? sumLast(backend, x!, shape, divisor) : sumFirst(backend, x!, shape, divisor);
    });
    return own(call);
  };
}

/** Whether the axes to be summed are the last, or the first; axes of length 1 are either. */
function sideOf(shape: readonly number[], axes: readonly number[]): "first" | "last" | undefined {
  const long = shape.flatMap((length, axis) => (length > 1 ? [axes.includes(axis)] : []));
  const changes = long.filter((summed, i) => i > 0 && summed !== long[i - 1]).length;
  if (changes > 1) return undefined;
  return long.at(-1) === false && changes === 1 ? "first" : "last";
}

function sumLast(backend: WasmBackend, x: tf.TensorInfo, shape: number[], divisor: number): tf.TensorInfo {
  const out = backend.makeOutput(shape, "float32");
  const rows = sizeOf(shape);
  const columns = sizeOf(x.shape) / rows;
  const pieces = Math.ceil(columns / PIECE);
  withScratch(backend, [rows * pieces * DOUBLE], (parts) => {
    const job = { units: rows * pieces, work: (PASS / 2) * Math.min(PIECE, columns) };
    run(backend, "sumPieces", job, address(backend, x), parts, rows, columns);
    sumRows(backend, { sums: parts, to: address(backend, out), rows: pieces, columns: rows, divisor });
  });
  return out;
}

function sumFirst(backend: WasmBackend, x: tf.TensorInfo, shape: number[], divisor: number): tf.TensorInfo {
  const columns = sizeOf(shape);
  const flat = { ...x, shape: [1, sizeOf(x.shape) / columns, columns] };
  return { ...sumPixels(backend, flat, [columns], divisor), shape };
}
