import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import { trainableEntries } from "../training/params.js";
import type { Grads, LossTerms, Params } from "../types.js";
import type { Layout } from "./layout.js";
import type { Rows } from "./protocol.js";

type Numbers = Readonly<Record<string, number>>;

/** Means of the workers' terms, with weights `parts` that sum to 1, in the workers' order. */
export function meanTerms(terms: readonly Numbers[], parts: readonly number[]): LossTerms {
  const names = Object.keys(terms[0]!);
  for (const other of terms) {
    const got = Object.keys(other);
    const same = got.length === names.length && got.every((name) => names.includes(name));
    check(same, "Replicas.valueAndGrads", `every worker to report the terms ${names.join(", ")}`, got);
  }
  const mean = (name: string) => terms.reduce((sum, other, i) => sum + parts[i]! * other[name]!, 0);
  return Object.fromEntries(names.map((name) => [name, tf.scalar(mean(name))])) as LossTerms;
}

/** Means of the workers' gradients, likewise, in the order of `params`; summed in float64 and rounded once. */
export function meanGrads(
  layout: Layout,
  params: Params,
  results: readonly Float32Array[],
  parts: readonly number[],
): Grads {
  const entries = new Map(layout.map((entry) => [entry.name, entry]));
  return Object.fromEntries(
    Object.keys(trainableEntries(params)).map((name) => {
      const { shape, offset, size } = entries.get(name)!;
      const of = results.map((result) => result.subarray(offset, offset + size));
      return [name, tf.tensor(weightedSum(of, parts, size), shape)];
    }),
  );
}

/** sum over i of weights[i] * arrays[i] */
function weightedSum(
  arrays: readonly Float32Array[],
  weights: readonly number[],
  size: number,
): Float32Array {
  const sum = new Float32Array(size);
  if (arrays.length === 2) {
    // The common case without an inner loop: four times as fast.
    const [a, b] = [arrays[0]!, arrays[1]!];
    const [p, q] = [weights[0]!, weights[1]!];
    for (let i = 0; i < size; i++) sum[i] = p * a[i]! + q * b[i]!;
    return sum;
  }
  for (let i = 0; i < size; i++) {
    let total = 0;
    for (let k = 0; k < arrays.length; k++) total += weights[k]! * arrays[k]![i]!;
    sum[i] = total;
  }
  return sum;
}

/** The workers' rows below one another. */
export function joinRows(parts: readonly Rows[]): tf.Tensor {
  const { shape, dtype } = parts[0]!;
  const row = shape.slice(1);
  const kinds = parts.map((part) => `[${part.shape.slice(1).join(", ")}] ${part.dtype}`);
  check(
    kinds.every((kind) => kind === kinds[0]),
    "Replicas.outputs",
    "rows of one shape and type from every worker",
    kinds,
  );
  const size = parts.reduce((sum, { data }) => sum + data.length, 0);
  const all = dtype === "int32" ? new Int32Array(size) : new Float32Array(size);
  let at = 0;
  for (const { data } of parts) {
    all.set(data, at);
    at += data.length;
  }
  const count = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return tf.tensor(all, [count, ...row], dtype);
}
