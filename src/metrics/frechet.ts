import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { check, checkNamed, isNumber } from "../check.js";
import { products } from "./pairs.js";
import type { FeatureStatistics } from "./statistics.js";

/**
 * The Frechet distance between two normal distributions: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). On features of
 * the Inception network of Heusel et al. it is the FID; on any other features it is not, and must not be called so.
 *
 * @param a statistics of one set of features
 * @param b statistics of another set, of the same width
 * @returns a number >= 0, in the units of the squared features; it shrinks as sets grow, so compare equal counts
 * @throws if widths differ, a count is below 2, or a value is not finite
 * @see Heusel et al. 2017 (arXiv 1706.08500), Eq. 6; Dowson & Landau 1982
 * @example
 * ```ts
 * import { frechetDistance } from "cfd-distill/metrics";
 * const a = { mean: new Float64Array([0]), covariance: new Float64Array([1]), count: 10 };
 * const b = { mean: new Float64Array([3]), covariance: new Float64Array([4]), count: 10 };
 * console.log(frechetDistance(a, b)); // 10 = 3^2 + (2 - 1)^2
 * ```
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  checkStatistics(a, "a");
  checkStatistics(b, "b");
  check(a.mean.length === b.mean.length, "frechetDistance", "statistics of one width", [
    a.mean.length,
    b.mean.length,
  ]);
  const means = a.mean.reduce((sum, mean, i) => sum + (mean - b.mean[i]!) ** 2, 0);
  const traces = trace(a) + trace(b);
  const distance = means + traces - 2 * traceOfRoot(a, b);
  return Math.max(0, distance); // rounding can leave a tiny negative number for equal sets
}

function trace({ mean, covariance }: FeatureStatistics): number {
  const width = mean.length;
  return mean.reduce((sum, _, i) => sum + covariance[i * (width + 1)]!, 0);
}

/**
 * tr (C1 C2)^(1/2): with C1 = F^T F and C2 = G^T G, C1 C2 has the non-zero eigenvalues of (F G^T) (F G^T)^T, whose roots
 * are the singular values of F G^T. They take no eigenvectors, and no root of an eigenvalue that rounding made.
 */
function traceOfRoot(a: FeatureStatistics, b: FeatureStatistics): number {
  const width = a.mean.length;
  const [f, g] = [factorOf(a), factorOf(b)];
  if (f.length === 0 || g.length === 0) return 0;
  const product = Matrix.from1DArray(f.length / width, g.length / width, products(f, g, width));
  const none = { computeLeftSingularVectors: false, computeRightSingularVectors: false };
  const { diagonal } = new SingularValueDecomposition(product, { ...none, autoTranspose: true });
  return diagonal.reduce((sum, value) => sum + value, 0);
}

/**
 * F with F^T F = C, one row a rank, by Cholesky decomposition with pivoting (Higham 2002, Sec. 10.3), which also takes the
 * singular covariances of fewer vectors than features.
 */
function factorOf({ mean, covariance }: FeatureStatistics): Float64Array {
  const width = mean.length;
  const factor = new Float64Array((width + 3) * width); // rows of zeros subtract nothing
  const row = new Float64Array(width);
  const left = mean.map((_, i) => covariance[i * (width + 1)]!); // the diagonal of C - F^T F
  const tolerance = width * Number.EPSILON * Math.max(...left);
  for (let rank = 0; rank < width; rank++) {
    const largest = left.reduce((best, value, i) => (value > left[best]! ? i : best), 0);
    if (left[largest]! <= tolerance) return factor.subarray(0, rank * width);
    row.set(covariance.subarray(largest * width, (largest + 1) * width));
    for (let r = 0; r < rank; r += 4) subtractFour(row, factor, r * width, largest);
    const root = Math.sqrt(left[largest]!);
    for (let i = 0; i < width; i++) {
      row[i] = row[i]! / root;
      left[i]! -= row[i]! ** 2;
    }
    left[largest] = -Infinity; // never again
    factor.set(row, rank * width);
  }
  return factor.subarray(0, width * width);
}

/** Subtracts the four rows of the factor that begin at a, each times its own entry at the pivot. */
function subtractFour(row: Float64Array, factor: Float64Array, a: number, pivot: number): void {
  const width = row.length;
  const [b, c, d] = [a + width, a + 2 * width, a + 3 * width];
  const [p, q, r, s] = [factor[a + pivot]!, factor[b + pivot]!, factor[c + pivot]!, factor[d + pivot]!];
  for (let i = 0; i < width; i++) {
    row[i]! -= p * factor[a + i]! + q * factor[b + i]! + r * factor[c + i]! + s * factor[d + i]!;
  }
}

function checkStatistics(statistics: FeatureStatistics, name: string): void {
  checkNamed(statistics, "frechetDistance", `${name} with mean, covariance and count`);
  const { mean, covariance, count } = statistics;
  check(isNumber(count, 2), "frechetDistance", `${name}.count to be at least 2`, count);
  const float64 = mean instanceof Float64Array && covariance instanceof Float64Array;
  check(float64, "frechetDistance", `${name}.mean and ${name}.covariance as Float64Array`, statistics);
  const width = mean.length;
  const square = covariance.length === width * width;
  check(square, "frechetDistance", `${name}.covariance to have ${width * width} entries`, covariance.length);
  const bad = [...mean, ...covariance].find((value) => !Number.isFinite(value));
  check(bad === undefined, "frechetDistance", `finite numbers in ${name}`, bad);
}
