// Reads what scripts/reference/make_fixtures.py wrote, and compares with it.
import * as tf from "@tensorflow/tfjs";
import { expect, inject } from "vitest";
import { decodeSafetensors, safetensorsMetadata } from "../../src/formats/safetensors/safetensors.js";
import type { Grads } from "../../src/types.js";
import { sizeOf, summary, type Shape } from "./values.js";

export interface Fixture {
  /** The numbers of an array, row by row. */
  numbers(name: string): Float64Array;
  /** A value that the script stored as JSON. */
  setting(name: string): unknown;
}

// As data URLs, which Node and a page fetch alike.
const files = import.meta.glob<string>("../fixtures/*.safetensors", {
  query: "?url&inline",
  import: "default",
});

export async function readFixture(file: string): Promise<Fixture> {
  const response = await fetch(await files[`../fixtures/${file}.safetensors`]!());
  const bytes = new Uint8Array(await response.arrayBuffer());
  const tensors = decodeSafetensors(bytes);
  const settings = JSON.parse(safetensorsMetadata(bytes).settings!) as Record<string, unknown>;
  return {
    numbers(name) {
      const stored = tensors[name];
      if (!stored) throw new Error(`No array ${name} in fixture ${file}.`);
      return Float64Array.from(stored.data as ArrayLike<number>, Number);
    },
    setting: (name) => settings[name],
  };
}

/** Set CONFORMANCE_REPORT=1 to print every measured difference beside its tolerance. */
function record(what: string, difference: number, tolerance: number): void {
  if (inject("report"))
    console.log(`${difference.toExponential(1)} of ${tolerance.toExponential(0)}: ${what}`);
  expect(difference, what).toBeLessThanOrEqual(tolerance);
}

const largest = (numbers: ArrayLike<number>) =>
  Array.from(numbers).reduce((max, x) => Math.max(max, Math.abs(x)), 0);

/** The largest difference, as a share of the largest expected value, is at most `tolerance`. */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(got.length, `${what}: length`).toBe(want.length);
  const differences = Array.from(want, (w, i) => (Object.is(got[i], w) ? 0 : Math.abs(got[i]! - w)));
  const bad = differences.find(Number.isNaN);
  expect(bad, `${what}: NaN`).toBeUndefined();
  record(what, largest(differences) / Math.max(largest(want), Number.MIN_VALUE), tolerance);
}

/** Every number by itself is within `tolerance` of the expected one, relatively. */
export function expectEachClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(got.length, `${what}: length`).toBe(want.length);
  const differences = Array.from(want, (w, i) => (got[i] === w ? 0 : Math.abs(got[i]! - w) / Math.abs(w)));
  const bad = differences.find(Number.isNaN);
  expect(bad, `${what}: NaN`).toBeUndefined();
  record(what, largest(differences), tolerance);
}

/** As {@link expectClose}, for a tensor. */
export async function expectTensor(
  got: tf.Tensor,
  want: ArrayLike<number>,
  tolerance: number,
  what: string,
): Promise<void> {
  expectClose(await got.data<"float32">(), want, tolerance, what);
}

/** Weights or gradients in TensorFlow's layouts, as PyTorch lays them out. */
export async function torchLayout(tensor: tf.Tensor): Promise<Float32Array> {
  const order = { 2: [1, 0], 4: [3, 2, 0, 1] }[tensor.rank as 2 | 4];
  const moved = tf.transpose(tensor, order ?? tensor.shape.map((_, axis) => axis));
  const data = await moved.data<"float32">();
  moved.dispose();
  return data;
}

export interface SummaryTable {
  /** Under which name the values were made. */
  readonly net: string;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly table: Float64Array;
  readonly tolerance: number;
  readonly what: string;
}

/**
 * Compares many tensors with their stored summaries. A difference is measured against the tensor's own size, or
 * against a hundredth of the largest tensor's where that is more: some gradients are zero but for rounding.
 */
export async function expectSummaries(got: Grads, expected: SummaryTable): Promise<void> {
  const names = Object.keys(got).sort();
  const rows = await Promise.all(
    names.map(async (name) => summary(`${expected.net}/${name}`, await torchLayout(got[name]!))),
  );
  const width = rows[0]!.length;
  expect(names.length * width, `${expected.what}: tensors`).toBe(expected.table.length);
  const wanted = names.map((_, i) => [...expected.table.slice(i * width, (i + 1) * width)]);
  const sizes = names.map((name) => Math.sqrt(sizeOf(expected.shapes[name]!)));
  const floor = 1e-2 * Math.max(...wanted.map((row, i) => row[width - 2]! / sizes[i]!));
  const differences = names.map((_, i) => {
    const [row, want] = [rows[i]!, wanted[i]!];
    const scale = Math.max(floor, want[width - 2]! / sizes[i]!, largest(want.slice(0, -2)));
    return Math.max(
      ...row.map((x, k) => Math.abs(x - want[k]!) / (k < width - 2 ? scale : scale * sizes[i]!)),
    );
  });
  const bad = differences.findIndex(Number.isNaN);
  expect(names[bad], `${expected.what}: NaN in`).toBeUndefined();
  const worst = differences.indexOf(Math.max(...differences));
  record(`${expected.what}, worst ${names[worst]!}`, differences[worst]!, expected.tolerance);
}
