import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { check } from "../check.js";
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
 * import { frechetDistance } from "cfd-distill";
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
  const [c1, c2] = [toMatrix(a), toMatrix(b)];
  const distance = means + c1.trace() + c2.trace() - 2 * traceOfRoot(c1, c2);
  return Math.max(0, distance); // rounding can leave a tiny negative number for equal sets
}

/** tr (C1 C2)^(1/2): with C1 = F F^T, C1 C2 has the non-zero eigenvalues of the symmetric F^T C2 F. */
function traceOfRoot(c1: Matrix, c2: Matrix): number {
  const factor = symmetricFactor(c1);
  const product = factor.transpose().mmul(c2).mmul(factor);
  const symmetric = Matrix.add(product, product.transpose()).div(2);
  return eigenvalues(symmetric).realEigenvalues.reduce((sum, value) => sum + root(value), 0);
}

/** F = V diag(l)^(1/2), from the eigenvectors and eigenvalues of a covariance. */
function symmetricFactor(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = eigenvalues(matrix);
  return eigenvectorMatrix.clone().mulRowVector(realEigenvalues.map(root));
}

/** A covariance has no negative eigenvalues; those that rounding made count as 0. */
function root(eigenvalue: number): number {
  return Math.sqrt(Math.max(0, eigenvalue));
}

function eigenvalues(matrix: Matrix): EigenvalueDecomposition {
  return new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
}

function toMatrix({ mean, covariance }: FeatureStatistics): Matrix {
  return Matrix.from1DArray(mean.length, mean.length, covariance);
}

function checkStatistics({ mean, covariance, count }: FeatureStatistics, name: string): void {
  check(count >= 2, "frechetDistance", `${name}.count to be at least 2`, count);
  const width = mean.length;
  const square = covariance.length === width * width;
  check(square, "frechetDistance", `${name}.covariance to have ${width * width} entries`, covariance.length);
  const bad = [...mean, ...covariance].find((value) => !Number.isFinite(value));
  check(bad === undefined, "frechetDistance", `finite numbers in ${name}`, bad);
}
