import type { Tensor2D } from "../tfjs.js";
import { check, checkNamed, isTensor } from "../check.js";

/** Feature vectors (or logits) on the host: vector i is `values[i * width]` to `values[(i + 1) * width - 1]`. */
export interface Features {
  readonly values: Float32Array;
  /** The number of features of a vector. */
  readonly width: number;
}

/** Feature tensors [count, width] as a network gives them: one, several, or a stream of them. */
export type FeatureTensors = Tensor2D | Iterable<Tensor2D> | AsyncIterable<Tensor2D>;

/**
 * Gathers features on the host, for the metrics that compare vectors with each other. 50,000 vectors of 2048 numbers are
 * 410 MB; {@link statistics} reads the same stream and keeps no vectors.
 *
 * @param features [count, width], or batches of such tensors, at once or as they come; nothing is disposed
 * @returns all vectors, in order, as float32
 * @throws (rejects) if a batch is not of rank 2, widths differ, a value is not finite, or there are no vectors
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { gatherFeatures } from "cfd-distill/metrics";
 * const batches = [tf.tensor2d([[0, 1], [2, 1]]), tf.tensor2d([[4, 4]])];
 * const { values, width } = await gatherFeatures(batches);
 * console.log(values.length / width); // 3 vectors
 * tf.dispose(batches);
 * ```
 */
export async function gatherFeatures(features: FeatureTensors): Promise<Features> {
  const parts: Float32Array[] = [];
  let [width, length] = [0, 0];
  for await (const part of readBatches(features, "gatherFeatures")) {
    parts.push(part.values);
    width = part.width;
    length += part.values.length;
  }
  check(length > 0, "gatherFeatures", "at least 1 feature vector", 0);
  const values = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return { values, width };
}

/** The batches on the host, one at a time and checked: rank 2, one width, finite. */
export async function* readBatches(features: FeatureTensors, where: string): AsyncGenerator<Features> {
  const isList =
    isTensor(features) || Symbol.iterator in Object(features) || Symbol.asyncIterator in Object(features);
  check(isList && typeof features === "object", where, "feature tensors [count, width]", features);
  let first: number | undefined;
  for await (const batch of isTensor(features) ? [features] : features) {
    const valid = isTensor(batch) && batch.rank === 2 && batch.size > 0;
    check(valid, where, "feature tensors [count, width]", batch);
    const width = batch.shape[1];
    first ??= width;
    check(width === first, where, `batches of width ${first}`, width);
    const values = Float32Array.from(await batch.data());
    checkFinite(values, where, "finite features");
    yield { values, width };
  }
}

/** The number of vectors; throws unless `features` are whole vectors of finite numbers. */
export function countVectors(features: Features, where: string, name: string): number {
  checkNamed(features, where, `${name} with values and width`);
  const { values, width } = features;
  check(values instanceof Float32Array, where, `${name}.values to be a Float32Array`, typeof values);
  const whole = Number.isInteger(width) && width >= 1 && values.length % width === 0;
  check(whole, where, `${name}.width to divide ${values.length} values`, width);
  checkFinite(values, where, `finite numbers in ${name}`);
  return values.length / width;
}

/** Throws unless both sets are of one width; the numbers of their vectors. */
export function countPair(sets: Readonly<Record<string, Features>>, where: string): readonly number[] {
  const counts = Object.entries(sets).map(([name, features]) => countVectors(features, where, name));
  const widths = Object.values(sets).map(({ width }) => width);
  check(new Set(widths).size === 1, where, "features of one width", widths);
  return counts;
}

function checkFinite(values: Float32Array, where: string, expected: string): void {
  const bad = values.find((value) => !Number.isFinite(value));
  check(bad === undefined, where, expected, bad);
}
