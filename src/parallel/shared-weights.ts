import type * as tf from "@tensorflow/tfjs";
import { copyOf, withValues } from "../backends/engine.js";
import { fail } from "../check.js";
import type { Params } from "../types.js";
import { totalSize, type Layout } from "./layout.js";

/**
 * The memory of a group that all its threads see. Nobody reads and writes at the same time: the main thread writes
 * weights before it asks the workers and reads results after they have answered, and messages order the two.
 */
export interface SharedMemory {
  /** One version per weight (int32), then the weights (float32), both in the order of the layout. */
  readonly weights: SharedArrayBuffer;
  /** For each worker, in the order of the layout: gradients, and the new values of what is not trained. */
  readonly results: readonly SharedArrayBuffer[];
}

/** What is shared, as one thread sees it. */
export interface WeightsView {
  readonly versions: Int32Array;
  readonly values: Float32Array;
}

/** Throws where threads cannot share memory. */
export function checkSharedMemory(where: string): void {
  if (typeof globalThis.SharedArrayBuffer === "function") return;
  const expected =
    "SharedArrayBuffer, which a page has only if it is served with the headers " +
    "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
  fail(where, expected, "none");
}

export function allocate(layout: Layout, workers: number): SharedMemory {
  const bytes = 4 * totalSize(layout);
  return {
    weights: new SharedArrayBuffer(4 * layout.length + bytes),
    results: Array.from({ length: workers }, () => new SharedArrayBuffer(bytes)),
  };
}

export function viewWeights(layout: Layout, weights: SharedArrayBuffer): WeightsView {
  return {
    versions: new Int32Array(weights, 0, layout.length),
    values: new Float32Array(weights, 4 * layout.length),
  };
}

/**
 * Copies weights to the shared memory, and counts up the version of those that have changed. The bits decide, not the
 * tensors' identity: engines may change a weight in place.
 */
export async function publish(layout: Layout, view: WeightsView, params: Params): Promise<void> {
  for (const [i, { name, offset, size }] of layout.entries()) {
    const shared = view.values.subarray(offset, offset + size);
    await withValues(params[name]!, (values) => {
      if (view.versions[i] !== 0 && sameBits(shared, values)) return;
      shared.set(values);
      view.versions[i]!++;
    });
  }
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bits = (x: Float32Array) => new Int32Array(x.buffer, x.byteOffset, x.length);
  const [left, right] = [bits(a), bits(b)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/**
 * Brings `params` up to what has been published: the entries whose version is not the one in `seen`, which is brought up
 * to date too. **Changes both.**
 */
export function receive(layout: Layout, view: WeightsView, params: Params, seen: Int32Array): void {
  for (const [i, entry] of layout.entries()) {
    if (seen[i] === view.versions[i]) continue;
    assign(params[entry.name]!, view.values, entry);
    seen[i] = view.versions[i]!;
  }
}

/** Gives a variable the values of its entry in `values`. */
export function assign(
  variable: tf.Variable,
  values: Float32Array,
  { offset, size, shape }: Layout[number],
): void {
  const tensor = copyOf(values.subarray(offset, offset + size), shape);
  variable.assign(tensor);
  tensor.dispose();
}
