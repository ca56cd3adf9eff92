import type { Tensor2D } from "@tensorflow/tfjs";
import { check, isTensor } from "../check.js";

/** Mean and covariance of feature vectors, in float64. */
export interface FeatureStatistics {
  /** The mean of each of the d features. */
  readonly mean: Float64Array;
  /** The unbiased covariance (divided by count - 1), d x d, row by row. */
  readonly covariance: Float64Array;
  /** The number of feature vectors. */
  readonly count: number;
}

/**
 * Mean and unbiased covariance (numpy's `cov`) of feature vectors. Batches are read one at a time and merged in float64,
 * so that any number of images fits and the result does not depend on how they were split.
 *
 * @param features [count, d], or batches of such tensors, at once or as they come; nothing is disposed
 * @returns statistics on the host
 * @throws (rejects) if a batch is not of rank 2, widths differ, a value is not finite, or there are fewer than 2 vectors
 * @see Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", Eq. 2.1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { statistics } from "cfd-distill";
 * const features = tf.tensor2d([[0, 1], [2, 1], [4, 4]]);
 * console.log(await statistics(features)); // mean [2, 2], covariance [4, 3, 3, 3], count 3
 * features.dispose();
 * ```
 */
export async function statistics(
  features: Tensor2D | Iterable<Tensor2D> | AsyncIterable<Tensor2D>,
): Promise<FeatureStatistics> {
  const batches = isTensor(features) ? [features] : features;
  let total: Scatter | undefined;
  for await (const batch of batches) {
    const part = await scatterOf(batch);
    total = total ? merge(total, part) : part;
  }
  const count = total?.count ?? 0;
  check(total !== undefined && count >= 2, "statistics", "at least 2 feature vectors", count);
  return { mean: total.mean, covariance: total.scatter.map((sum) => sum / (count - 1)), count };
}

/** Sums of products of deviations from the mean: the covariance times count - 1. */
interface Scatter {
  readonly count: number;
  readonly mean: Float64Array;
  readonly scatter: Float64Array;
}

async function scatterOf(batch: Tensor2D): Promise<Scatter> {
  const valid = isTensor(batch) && batch.rank === 2 && batch.size > 0;
  check(valid, "statistics", "feature tensors [count, width]", batch);
  const [count, width] = batch.shape;
  const values = Float64Array.from(await batch.data());
  const bad = values.find((value) => !Number.isFinite(value));
  check(bad === undefined, "statistics", "finite features", bad);
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / count;
  for (let i = 0; i < values.length; i++) values[i]! -= mean[i % width]!;
  return { count, mean, scatter: gram(values, width) };
}

/** X^T X of centred rows: the upper triangle is summed, the lower one copied. */
function gram(rows: Float64Array, width: number): Float64Array {
  const products = new Float64Array(width * width);
  for (let start = 0; start < rows.length; start += width) {
    for (let i = 0; i < width; i++) {
      const value = rows[start + i]!;
      for (let j = i; j < width; j++) products[i * width + j]! += value * rows[start + j]!;
    }
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < i; j++) products[i * width + j] = products[j * width + i]!;
  }
  return products;
}

function merge(a: Scatter, b: Scatter): Scatter {
  const width = a.mean.length;
  check(b.mean.length === width, "statistics", `batches of width ${width}`, b.mean.length);
  const count = a.count + b.count;
  const shift = b.mean.map((mean, i) => mean - a.mean[i]!);
  const weight = (a.count * b.count) / count;
  const scatter = a.scatter.map((sum, k) => {
    const between = shift[Math.floor(k / width)]! * shift[k % width]! * weight;
    return sum + b.scatter[k]! + between;
  });
  return { count, mean: a.mean.map((mean, i) => mean + (shift[i]! * b.count) / count), scatter };
}
