// Elementary functions of four float32 at once. Polynomials are minimax fits of the relative error, summed by pairs
// rather than by Horner's rule: the processor waits for the longest chain of operations, not for their number.

import { multiplyAdd } from "./multiply-add";

/**
 * A number in all lanes, given as a variable too. Node 24's V8, which runs relaxed SIMD, builds a constant anew in every
 * turn of a loop but loads a variable; Node 20's keeps the constant.
 */
@inline
export function lanes(value: f32, variable: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? variable : f32x4.splat(value);
}

/** Added to a number it rounds that to a whole one, which then stands in the last bits: 1.5 * 2^23. */
const ROUNDING: f32 = 12582912;
let rounding: v128 = f32x4.splat(ROUNDING);

// 2^f = 1 + f (c1 + c2 f + f^2 (c3 + c4 f + c5 f^2)), exact to 1e-7
const C1: f32 = 0.693147;
const C2: f32 = 0.24022241;
const C3: f32 = 0.05550735;
const C4: f32 = 0.009671619;
const C5: f32 = 0.0013264591;
let c1: v128 = f32x4.splat(C1);
let c2: v128 = f32x4.splat(C2);
let c3: v128 = f32x4.splat(C3);
let c4: v128 = f32x4.splat(C4);
let c5: v128 = f32x4.splat(C5);

const MINUS_LOG2_E: f32 = -1.4426950408889634;
let minusLog2E: v128 = f32x4.splat(MINUS_LOG2_E);
/** The largest exponent. */
const MOST: f32 = 126;
let most: v128 = f32x4.splat(MOST);
let least: v128 = f32x4.splat(-MOST);
let ones: v128 = f32x4.splat(1);

@inline
export function one(): v128 {
  return lanes(1, ones);
}

/**
 * 2^x for |x| <= 126, within 2e-7 of itself; NaN for NaN. With x = y / ln 2, which float32 rounds, it is e^y within
 * 1e-7 |y| more.
 */
@inline
export function powerOfTwo(x: v128): v128 {
  const shifted = f32x4.add(x, lanes(ROUNDING, rounding));
  const f = f32x4.sub(x, f32x4.sub(shifted, lanes(ROUNDING, rounding)));
  const square = f32x4.mul(f, f);
  const low = multiplyAdd(f, lanes(C2, c2), lanes(C1, c1));
  let p = multiplyAdd(f, lanes(C4, c4), lanes(C3, c3));
  p = multiplyAdd(square, lanes(C5, c5), p);
  p = multiplyAdd(square, p, low);
  p = multiplyAdd(f, p, one());
  // Times 2^n: n is added to the exponent.
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** 1 / (1 + e^-x), within 2e-7 of itself for small x and 1e-7 |x| for large negative ones, where it is tiny. */
@inline
export function sigmoid(x: v128): v128 {
  const scaled = f32x4.mul(x, lanes(MINUS_LOG2_E, minusLog2E));
  const bounded = f32x4.pmin(f32x4.pmax(scaled, lanes(-MOST, least)), lanes(MOST, most));
  return f32x4.div(one(), f32x4.add(one(), powerOfTwo(bounded)));
}
