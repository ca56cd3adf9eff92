// Elementary functions of four float32 at once. Polynomials are minimax fits of the relative error, summed by pairs
// rather than by Horner's rule: the processor waits for the longest chain of operations, not for their number.

import { multiplyAdd } from "./multiply-add";

/** Added to a number it rounds that to a whole one, which then stands in the last bits: 1.5 * 2^23. */
const ROUNDING: f32 = 12582912;

/**
 * 2^x for |x| <= 126, within 2e-7 of itself; NaN for NaN. With x = y / ln 2, which float32 rounds, it is e^y within
 * 1e-7 |y| more.
 */
@inline
export function powerOfTwo(x: v128): v128 {
  const shifted = f32x4.add(x, f32x4.splat(ROUNDING));
  const f = f32x4.sub(x, f32x4.sub(shifted, f32x4.splat(ROUNDING)));
  const square = f32x4.mul(f, f);
  // 2^f = 1 + f (c1 + c2 f + f^2 (c3 + c4 f + c5 f^2)), exact to 1e-7
  const low = multiplyAdd(f, f32x4.splat(0.24022241), f32x4.splat(0.693147));
  let p = multiplyAdd(f, f32x4.splat(0.009671619), f32x4.splat(0.05550735));
  p = multiplyAdd(square, f32x4.splat(0.0013264591), p);
  p = multiplyAdd(square, p, low);
  p = multiplyAdd(f, p, f32x4.splat(1));
  // Times 2^n: n is added to the exponent.
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** 1 / (1 + e^-x), within 2e-7 of itself for small x and 1e-7 |x| for large negative ones, where it is tiny. */
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  const scaled = f32x4.mul(x, f32x4.splat(-1.4426950408889634));
  const bounded = f32x4.pmin(f32x4.pmax(scaled, f32x4.splat(-126)), f32x4.splat(126));
  return f32x4.div(one, f32x4.add(one, powerOfTwo(bounded)));
}
