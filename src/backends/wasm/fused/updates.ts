import type * as tf from "../../../tfjs.js";
import { sumRows } from "./channelwise.js";
import {
  DOUBLE,
  FLOAT,
  address,
  forgetPacked,
  sizeOf,
  withScratch,
  type WasmBackend,
} from "../memory/heap.js";
import { PASS, run, type Job } from "../threads/jobs.js";
import { view } from "../operations/identity.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of src/training, for all weights at once: their inputs follow each other, row by row.

/** Numbers of a unit. */
const BLOCK = 8192;

/** So many tensors at a time, all of one size. */
function rowsOf(inputs: Readonly<Record<string, tf.TensorInfo>>, length: number): tf.TensorInfo[][] {
  const all = Object.values(inputs);
  return Array.from({ length: all.length / length }, (_, i) => all.slice(i * length, (i + 1) * length));
}

/** Lends `use` a table of blocks: each row the addresses of a block in one row of tensors, and its size. */
function withTable(
  backend: WasmBackend,
  rows: readonly (readonly tf.TensorInfo[])[],
  use: (table: number, job: Job) => void,
): void {
  const entries = rows.flatMap((tensors) => {
    const size = sizeOf(tensors[0]!.shape);
    const starts = tensors.map((tensor) => address(backend, tensor));
    return Array.from({ length: Math.ceil(size / BLOCK) }, (_, i) => [
      ...starts.map((start) => start + i * BLOCK * FLOAT),
      Math.min(BLOCK, size - i * BLOCK),
    ]);
  });
  const places = rows[0]!.length + 1;
  const total = rows.reduce((sum, [tensor]) => sum + sizeOf(tensor!.shape), 0);
  withScratch(backend, [entries.length * places * FLOAT], (table) => {
    new Uint32Array(backend.wasm.HEAPU8.buffer, table, entries.length * places).set(entries.flat());
    use(table, { units: entries.length, work: (PASS * places * total) / (2 * entries.length) });
  });
}

/** The new value of a tensor: in its place, unless it shares its data with clones. */
function successor(backend: WasmBackend, tensor: tf.TensorInfo): tf.TensorInfo {
  if (backend.refCount(tensor.dataId) > 1) return backend.makeOutput(tensor.shape, "float32");
  forgetPacked(backend, tensor);
  return view(backend, tensor);
}

/** Runs a kernel whose table holds rows of inputs, and then where those of them that `replaced` lists have new values. */
function update(
  backend: WasmBackend,
  name: "adam" | "sgd" | "mix",
  { rows, replaced }: { readonly rows: readonly tf.TensorInfo[][]; readonly replaced: readonly number[] },
  ...constants: readonly number[]
): tf.TensorInfo[] {
  const made = rows.map((tensors) => replaced.map((i) => successor(backend, tensors[i]!)));
  const whole = rows.map((tensors, i) => [...tensors, ...made[i]!]);
  withTable(backend, whole, (table, job) => {
    run(backend, name, job, table, ...constants);
  });
  return made.flat();
}

/** Weights, gradients and both moments to new weights and new moments. */
export const adam: FusedKernel<"Adam"> = (inputs, backend, attrs) => {
  const { take1, keep2, take2, stepSize, bias2, epsilon, shrink, decay } = attrs;
  const constants = [take1, keep2, take2, stepSize, bias2, epsilon, shrink, decay];
  return update(backend, "adam", { rows: rowsOf(inputs, 4), replaced: [0, 2, 3] }, ...constants);
};

/** Weights, gradients and momenta to new weights and new momenta. */
export const sgd: FusedKernel<"Sgd"> = (inputs, backend, attrs) => {
  const { rate, keep, decay } = attrs;
  return update(backend, "sgd", { rows: rowsOf(inputs, 3), replaced: [0, 2] }, rate, keep, decay);
};

/** Averages and weights to average keep + weight take. */
export const ema: FusedKernel<"Ema"> = (inputs, backend, attrs) => {
  const { keep, take } = attrs;
  return update(backend, "mix", { rows: rowsOf(inputs, 2), replaced: [0] }, keep, take);
};

/** The sum of the squares of all tensors' numbers. */
export const sumOfSquares: FusedKernel<"SumOfSquares"> = (inputs, backend) => {
  const out = backend.makeOutput([], "float32");
  withTable(backend, rowsOf(inputs, 1), (table, job) => {
    withScratch(backend, [job.units * DOUBLE], (sums) => {
      run(backend, "sumSquares", job, table, sums);
      sumRows(backend, { sums, to: address(backend, out), rows: job.units, columns: 1 });
    });
  });
  return out;
};

/** All tensors but the first, a scalar, times that. */
export const scale: FusedKernel<"Scale"> = (inputs, backend) => {
  const [factor, ...tensors] = Object.values(inputs);
  const rows = tensors.map((tensor) => [tensor, backend.makeOutput(tensor.shape, "float32")]);
  withTable(backend, rows, (table, job) => {
    run(backend, "scale", job, table, address(backend, factor!));
  });
  return rows.map(([, out]) => out!);
};
