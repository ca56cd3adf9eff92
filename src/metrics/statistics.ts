import { check } from "../check.js";
import { countVectors, readBatches, type Features, type FeatureTensors } from "./features.js";
import { blocksOf } from "./pairs.js";

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
 * @param features [count, d], or batches of such tensors, at once or as they come; nothing is disposed. Or what
 *   `gatherFeatures` gathered
 * @returns statistics on the host
 * @throws (rejects) if a batch is not of rank 2, widths differ, a value is not finite, or there are fewer than 2 vectors
 * @see Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", Eq. 2.1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { statistics } from "cfd-distill/metrics";
 * const features = tf.tensor2d([[0, 1], [2, 1], [4, 4]]);
 * console.log(await statistics(features)); // mean [2, 2], covariance [4, 3, 3, 3], count 3
 * features.dispose();
 * ```
 */
export async function statistics(features: FeatureTensors | Features): Promise<FeatureStatistics> {
  check(typeof features === "object" && features !== null, "statistics", "features", features);
  let total: Scatter | undefined;
  for await (const batch of "width" in features ? batchesOf(features) : readBatches(features, "statistics")) {
    const part = scatterOf(batch);
    total = total ? merge(total, part) : part;
  }
  const count = total?.count ?? 0;
  check(total !== undefined && count >= 2, "statistics", "at least 2 feature vectors", count);
  return { mean: total.mean, covariance: total.scatter.map((sum) => sum / (count - 1)), count };
}

function* batchesOf(features: Features): Generator<Features> {
  countVectors(features, "statistics", "features");
  const { width } = features;
  for (const { vectors } of blocksOf(features.values, width)) yield { values: vectors, width };
}

/** Sums of products of deviations from the mean: the covariance times count - 1. */
interface Scatter {
  readonly count: number;
  readonly mean: Float64Array;
  readonly scatter: Float64Array;
}

function scatterOf(batch: Features): Scatter {
  const { values, width } = batch;
  const count = values.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / count;
  const centred = new Float64Array(Math.ceil(count / 4) * 4 * width); // vectors of zeros at the end add nothing
  for (let i = 0; i < values.length; i++) centred[i] = values[i]! - mean[i % width]!;
  return { count, mean, scatter: gram(centred, width) };
}

/** X^T X of centred rows, four at a time: the upper triangle is summed, the lower one copied. */
function gram(rows: Float64Array, width: number): Float64Array {
  const products = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    const sums = products.subarray(i * width, (i + 1) * width);
    for (let a = 0; a < rows.length; a += 4 * width) addFour(rows, sums, i, a);
    for (let j = i + 1; j < width; j++) products[j * width + i] = sums[j]!;
  }
  return products;
}

/** Adds the products of feature i with the features from i on, of the four rows that begin at a. */
function addFour(rows: Float64Array, sums: Float64Array, i: number, a: number): void {
  const width = sums.length;
  const [b, c, d] = [a + width, a + 2 * width, a + 3 * width];
  const [p, q, r, s] = [rows[a + i]!, rows[b + i]!, rows[c + i]!, rows[d + i]!];
  for (let j = i; j < width; j++) {
    sums[j]! += p * rows[a + j]! + q * rows[b + j]! + r * rows[c + j]! + s * rows[d + j]!;
  }
}

function merge(a: Scatter, b: Scatter): Scatter {
  const width = a.mean.length;
  const count = a.count + b.count;
  const shift = b.mean.map((mean, i) => mean - a.mean[i]!);
  const weight = (a.count * b.count) / count;
  const scatter = a.scatter.map((sum, k) => {
    const between = shift[Math.floor(k / width)]! * shift[k % width]! * weight;
    return sum + b.scatter[k]! + between;
  });
  return { count, mean: a.mean.map((mean, i) => mean + (shift[i]! * b.count) / count), scatter };
}
