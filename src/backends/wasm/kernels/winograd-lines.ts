// Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
// sec. 4.3, but with the points 0, +-3/4, +-3/2 and infinity, whose float32 errors are half of those of 0, +-1, +-2
// (bench/NOTES.md). A tile of 6 x 6 inputs gives 4 x 4 outputs by 36 products where the direct sum takes 144. Every
// transform here is along one axis; vectors are `apart` bytes from each other.

import { multiplyAdd, multiplySubtract } from "./multiply-add";

export const P: f32 = 0.75;
export const Q: f32 = 1.5;
/** 1 / N of the points 0, P and Q: N is the product of a point's distances from the others. */
export const N0: f32 = 1 / (P * P * Q * Q);
export const NP: f32 = 1 / (2 * P * P * (P * P - Q * Q));
export const NQ: f32 = 1 / (2 * Q * Q * (Q * Q - P * P));

/** B^T d, given P, Q, their squares, the squares' product and sum. */
@inline
export function transformLine(
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  to: usize,
  apart: usize,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
  product: v128,
  sum: v128,
): void {
  const evenP = multiplySubtract(q2, c, e);
  const oddP = multiplySubtract(q2, b, d);
  const evenQ = multiplySubtract(p2, c, e);
  const oddQ = multiplySubtract(p2, b, d);
  v128.store(to, multiplyAdd(product, a, multiplySubtract(sum, c, e)));
  v128.store(to + apart, multiplyAdd(p, oddP, evenP));
  v128.store(to + 2 * apart, multiplySubtract(p, oddP, evenP));
  v128.store(to + 3 * apart, multiplyAdd(q, oddQ, evenQ));
  v128.store(to + 4 * apart, multiplySubtract(q, oddQ, evenQ));
  v128.store(to + 5 * apart, multiplyAdd(product, b, multiplySubtract(sum, d, f)));
}

/** A^T m, of it the first `count`, given P and Q, their squares and their cubes. */
@inline
export function inverseTransformLine(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  count: i32,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
  p3: v128,
  q3: v128,
): void {
  const a = v128.load(from + apart);
  const b = v128.load(from + 2 * apart);
  const c = v128.load(from + 3 * apart);
  const d = v128.load(from + 4 * apart);
  const sumP = f32x4.add(a, b);
  const sumQ = f32x4.add(c, d);
  const differenceP = f32x4.sub(a, b);
  const differenceQ = f32x4.sub(c, d);
  v128.store(to, f32x4.add(v128.load(from), f32x4.add(sumP, sumQ)));
  if (count > 1) v128.store(to + toApart, multiplyAdd(q, differenceQ, f32x4.mul(p, differenceP)));
  if (count > 2) v128.store(to + 2 * toApart, multiplyAdd(q2, sumQ, f32x4.mul(p2, sumP)));
  if (count > 3) {
    const cubes = multiplyAdd(p3, differenceP, v128.load(from + 5 * apart));
    v128.store(to + 3 * toApart, multiplyAdd(q3, differenceQ, cubes));
  }
}

/** The sums of each two of A^T m, of them the first `count`. */
@inline
export function inverseTransformPairsLine(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  count: i32,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
  p3: v128,
  q3: v128,
): void {
  const a = v128.load(from + apart);
  const b = v128.load(from + 2 * apart);
  const c = v128.load(from + 3 * apart);
  const d = v128.load(from + 4 * apart);
  const sumP = f32x4.add(a, b);
  const sumQ = f32x4.add(c, d);
  const differenceP = f32x4.sub(a, b);
  const differenceQ = f32x4.sub(c, d);
  const first = f32x4.add(v128.load(from), f32x4.add(sumP, sumQ));
  v128.store(to, f32x4.add(first, multiplyAdd(q, differenceQ, f32x4.mul(p, differenceP))));
  if (count > 1) {
    const squares = multiplyAdd(q2, sumQ, f32x4.mul(p2, sumP));
    const cubes = multiplyAdd(p3, differenceP, v128.load(from + 5 * apart));
    v128.store(to + toApart, f32x4.add(squares, multiplyAdd(q3, differenceQ, cubes)));
  }
}

/** A dy, the gradient of {@link inverseTransformLine}. */
@inline
export function transformGradientLine(
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  to: usize,
  apart: usize,
  p: v128,
  q: v128,
  p2: v128,
  q2: v128,
): void {
  const evenP = multiplyAdd(p2, c, a);
  const oddP = multiplyAdd(p2, d, b);
  const evenQ = multiplyAdd(q2, c, a);
  const oddQ = multiplyAdd(q2, d, b);
  v128.store(to, a);
  v128.store(to + apart, multiplyAdd(p, oddP, evenP));
  v128.store(to + 2 * apart, multiplySubtract(p, oddP, evenP));
  v128.store(to + 3 * apart, multiplyAdd(q, oddQ, evenQ));
  v128.store(to + 4 * apart, multiplySubtract(q, oddQ, evenQ));
  v128.store(to + 5 * apart, d);
}

/** G g, whose rows are (1, x, x^2) / N of the points x: given 1 / N of 0, and 1 / N, x / N, x^2 / N of P and of Q. */
@inline
export function transformTaps(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  const a = v128.load(from);
  const b = v128.load(from + apart);
  const c = v128.load(from + 2 * apart);
  const evenP = multiplyAdd(nP2, c, f32x4.mul(nP, a));
  const oddP = f32x4.mul(nP1, b);
  const evenQ = multiplyAdd(nQ2, c, f32x4.mul(nQ, a));
  const oddQ = f32x4.mul(nQ1, b);
  v128.store(to, f32x4.mul(n0, a));
  v128.store(to + toApart, f32x4.add(evenP, oddP));
  v128.store(to + 2 * toApart, f32x4.sub(evenP, oddP));
  v128.store(to + 3 * toApart, f32x4.add(evenQ, oddQ));
  v128.store(to + 4 * toApart, f32x4.sub(evenQ, oddQ));
  v128.store(to + 5 * toApart, c);
}

/** G^T u, the gradient of {@link transformTaps}. */
@inline
export function transformTapsBackwards(
  from: usize,
  apart: usize,
  to: usize,
  toApart: usize,
  n0: v128,
  nP: v128,
  nP1: v128,
  nP2: v128,
  nQ: v128,
  nQ1: v128,
  nQ2: v128,
): void {
  const a = v128.load(from + apart);
  const b = v128.load(from + 2 * apart);
  const c = v128.load(from + 3 * apart);
  const d = v128.load(from + 4 * apart);
  const sumP = f32x4.add(a, b);
  const sumQ = f32x4.add(c, d);
  const firsts = multiplyAdd(nP, sumP, f32x4.mul(nQ, sumQ));
  const squares = multiplyAdd(nP2, sumP, v128.load(from + 5 * apart));
  v128.store(to, multiplyAdd(n0, v128.load(from), firsts));
  v128.store(to + toApart, multiplyAdd(nQ1, f32x4.sub(c, d), f32x4.mul(nP1, f32x4.sub(a, b))));
  v128.store(to + 2 * toApart, multiplyAdd(nQ2, sumQ, squares));
}
