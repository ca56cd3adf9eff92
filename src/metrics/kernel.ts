import { check, checkOptions, checkPositiveInteger } from "../check.js";
import { createRng, type Rng } from "../rng.js";
import { countPair, type Features } from "./features.js";
import { blocksOf, products } from "./pairs.js";

/** How {@link kernelDistance} draws its subsets. */
export interface KernelDistanceOptions {
  /** How many pairs of subsets are compared; default 100. */
  readonly subsets?: number;
  /** Vectors in each subset, drawn without repetition; default 1000. */
  readonly subsetSize?: number;
  /** Of the draws; default 0. */
  readonly seed?: number;
}

/** A kernel distance with its error bar. */
export interface KernelDistance {
  /** The mean over the subsets: an unbiased estimate, below 0 at times when the sets are alike. */
  readonly mean: number;
  /** The deviation over the subsets, with divisor `subsets`, which torchmetrics and torch-fidelity report. */
  readonly std: number;
  /**
   * The error of `mean`: the deviation with divisor `subsets - 1`, over sqrt(subsets). Too small where subsets share
   * vectors, that is, with more than count / subsetSize of them. Undefined for one subset.
   */
  readonly standardError: number | undefined;
}

/**
 * The kernel distance: the squared maximum mean discrepancy with the kernel (x.y / width + 1)^3, by the unbiased
 * estimator with no pair of equal indices, sum_{i != j} (k(a_i, a_j) + k(b_i, b_j)) / (n (n - 1)) - 2 mean k(a_i, b_j),
 * averaged over random subsets of n vectors. The estimator, its defaults and its deviation are those of torchmetrics and
 * torch-fidelity; only the draws differ. On Inception features it is the KID, on others it is not. In float64.
 *
 * @param a one set of features
 * @param b another, of the same width; the counts may differ
 * @param options subsets and their size; `{ subsets: 1, subsetSize: n }` compares sets of n vectors whole
 * @returns mean, deviation and standard error
 * @throws if widths differ, a value is not finite, a set has fewer than `subsetSize` vectors, or `subsetSize` is below 2
 * @see Binkowski et al. 2018 (arXiv 1801.01401), Sec. 4 and App. A; Gretton et al. 2012, Lemma 6, Eq. 4
 * @example
 * ```ts
 * import { kernelDistance } from "cfd-distill/metrics";
 * const a = { values: new Float32Array([0, 0]), width: 1 };
 * const b = { values: new Float32Array([1, 1]), width: 1 };
 * console.log(kernelDistance(a, b, { subsets: 1, subsetSize: 2 }).mean); // 7 = 1^3 + 2^3 - 2 * 1^3
 * ```
 */
export function kernelDistance(
  a: Features,
  b: Features,
  options: KernelDistanceOptions = {},
): KernelDistance {
  checkOptions("kernelDistance", options, { subsets: true, subsetSize: true, seed: true });
  const { subsets = 100, subsetSize = 1000, seed = 0 } = options;
  const counts = countPair({ a, b }, "kernelDistance");
  checkPositiveInteger(subsets, "kernelDistance", "subsets");
  const fits = Number.isInteger(subsetSize) && subsetSize >= 2 && subsetSize <= Math.min(...counts);
  check(
    fits,
    "kernelDistance",
    `subsetSize from 2 to the smaller count of ${counts.join(" and ")}`,
    subsetSize,
  );
  const [drawsA, drawsB] = [createRng(seed).fork("a"), createRng(seed).fork("b")];
  const distances = Array.from({ length: subsets }, () =>
    discrepancy(draw(a, subsetSize, drawsA), draw(b, subsetSize, drawsB), a.width),
  );
  const mean = distances.reduce((sum, value) => sum + value, 0) / subsets;
  const squares = distances.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardError = subsets > 1 ? Math.sqrt(squares / (subsets - 1) / subsets) : undefined;
  return { mean, std: Math.sqrt(squares / subsets), standardError };
}

/** `count` different vectors, in random order. */
function draw({ values, width }: Features, count: number, rng: Rng): Float64Array {
  const chosen = rng.permutation(values.length / width).slice(0, count);
  const vectors = new Float64Array(count * width);
  chosen.forEach((from, to) => {
    vectors.set(values.subarray(from * width, (from + 1) * width), to * width);
  });
  return vectors;
}

/** The unbiased estimate for two sets of the same count. */
function discrepancy(x: Float64Array, y: Float64Array, width: number): number {
  const count = x.length / width;
  const within = (sumOfPairs(x, width) + sumOfPairs(y, width)) / (count * (count - 1));
  return within - (2 * sumOfAll(x, y, width)) / count ** 2;
}

/** The kernel summed over all pairs of x and y. */
function sumOfAll(x: Float64Array, y: Float64Array, width: number): number {
  let sum = 0;
  for (const { vectors } of blocksOf(x, width)) {
    for (const product of products(vectors, y, width)) sum += kernel(product, width);
  }
  return sum;
}

/** The kernel summed over all ordered pairs of different vectors of x; it is symmetric, so each is computed once. */
function sumOfPairs(x: Float64Array, width: number): number {
  let sum = 0;
  for (const { vectors, start } of blocksOf(x, width)) {
    const later = x.subarray(start * width);
    const columns = later.length / width;
    products(vectors, later, width).forEach((product, at) => {
      if (at % columns > Math.floor(at / columns)) sum += 2 * kernel(product, width);
    });
  }
  return sum;
}

function kernel(product: number, width: number): number {
  const base = product / width + 1;
  return base * base * base; // base ** 3 is many times slower
}
