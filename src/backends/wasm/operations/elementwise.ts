import * as tf from "../../../tfjs.js";
import { FLOAT, address, kernel, sizeOf, type WasmBackend } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";

// tf.add, tf.sub, tf.mul, tf.maximum and tf.minimum of float32 in all threads, where the shapes are equal or one of them is
// of one number, or of one a row, or of one row; and what cuts numbers off, tf.relu for one. NaN stays NaN in all.

/** As in kernels/elementwise.ts. */
type Operation = "add" | "subtract" | "subtractFrom" | "multiply" | "maximum" | "minimum";
const codes: Readonly<Record<Operation, number>> = {
  add: 0,
  subtract: 1,
  subtractFrom: 2,
  multiply: 3,
  maximum: 4,
  minimum: 5,
};
/** The operation with its operands exchanged. */
const exchanged: Readonly<Record<Operation, Operation>> = {
  add: "add",
  subtract: "subtractFrom",
  subtractFrom: "subtract",
  multiply: "multiply",
  maximum: "maximum",
  minimum: "minimum",
};

/** Numbers of a unit, where the numbers of both tensors follow each other. */
const BLOCK = 4096;

/** How the kernel goes through the second tensor: see kernels/elementwise.ts. */
interface Rows {
  readonly length: number;
  readonly step: number;
  readonly single: boolean;
}

/** Rows of a tensor of shape `a`, and what one of shape `b` has for each of them; none if they fit otherwise. */
function fit(a: readonly number[], b: readonly number[]): Rows | undefined {
  if (b.length > a.length) return undefined;
  const along = [...a.slice(b.length).fill(1), ...b];
  const same = (first: number, end: number) =>
    along.slice(first, end).every((length, i) => length === a[first + i]);
  const count = sizeOf(b);
  if (same(0, a.length)) return { length: BLOCK, step: BLOCK, single: false };
  if (count === 1) return { length: BLOCK, step: 0, single: true };
  const first = along.findIndex((length) => length !== 1);
  const end = a.length - [...along].reverse().findIndex((length) => length !== 1);
  if (same(0, end)) return { length: sizeOf(a.slice(end)), step: 1, single: true };
  return same(first, a.length) ? { length: count, step: 0, single: false } : undefined;
}

/** Falls back on the given kernel for other types and shapes. */
export function elementwise(operation: Operation): (stock: tf.KernelFunc) => tf.KernelFunc {
  return (stock) => (call) => {
    const own = kernel(({ a, b }, backend) => {
      const floats = a!.dtype === "float32" && b!.dtype === "float32";
      if (!floats || sizeOf(a!.shape) * sizeOf(b!.shape) === 0) return stock(call);
      const rows = fit(a!.shape, b!.shape);
      if (rows) return combine(backend, operation, [a!, b!], rows);
      const turned = fit(b!.shape, a!.shape);
      return turned ? combine(backend, exchanged[operation], [b!, a!], turned) : stock(call);
    });
    return own(call);
  };
}

function combine(
  backend: WasmBackend,
  operation: Operation,
  [a, b]: readonly [tf.TensorInfo, tf.TensorInfo],
  { length, step, single }: Rows,
): tf.TensorInfo {
  const out = backend.makeOutput(a.shape, "float32");
  const places = [a, b, out].map((tensor) => address(backend, tensor));
  const size = sizeOf(a.shape);
  const job = { units: Math.ceil(size / length), work: PASS * Math.min(size, length) };
  const bytes = [size, length, step].map((numbers) => numbers * FLOAT);
  run(backend, "combine", job, codes[operation], ...places, ...bytes, Number(single));
  return out;
}

interface ClipAttributes {
  readonly clipValueMin: number;
  readonly clipValueMax: number;
}

/** What is less or more than the bounds, which are those of the call if none are given, becomes one; other types fall back. */
export function clamped(bounds?: readonly [number, number]): (stock: tf.KernelFunc) => tf.KernelFunc {
  return (stock) => (call) => {
    const own = kernel<ClipAttributes>(({ x }, backend, attrs) => {
      if (x!.dtype !== "float32") return stock(call);
      const [low, high] = bounds ?? [attrs.clipValueMin, attrs.clipValueMax];
      const out = backend.makeOutput(x!.shape, "float32");
      const places = [address(backend, x!), address(backend, out)];
      const size = sizeOf(x!.shape);
      const job = { units: Math.ceil(size / BLOCK), work: PASS * Math.min(size, BLOCK) };
      run(backend, "clamp", job, ...places, size * FLOAT, BLOCK * FLOAT, low, high);
      return out;
    });
    return own(call);
  };
}
