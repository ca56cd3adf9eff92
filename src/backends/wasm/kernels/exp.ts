// Elementary functions of four float32 at once. Polynomials are minimax fits of the relative error, summed by pairs
// rather than by Horner's rule: the processor waits for the longest chain of operations, not for their number.

import { multiplyAdd } from "./multiply-add";

// Variables, not constants: V8 builds a vector constant anew in every turn of a loop, but loads a variable.

/** Added to a number it rounds that to a whole one, which then stands in the last bits: 1.5 * 2^23. */
let rounding: v128 = f32x4.splat(12582912);

// 2^f = 1 + f (c1 + c2 f + f^2 (c3 + c4 f + c5 f^2)), exact to 1e-7
let c1: v128 = f32x4.splat(0.693147);
let c2: v128 = f32x4.splat(0.24022241);
let c3: v128 = f32x4.splat(0.05550735);
let c4: v128 = f32x4.splat(0.009671619);
let c5: v128 = f32x4.splat(0.0013264591);

export let one: v128 = f32x4.splat(1);
let minusLog2E: v128 = f32x4.splat(-1.4426950408889634);
let least: v128 = f32x4.splat(-126);
let most: v128 = f32x4.splat(126);

/**
 * 2^x for |x| <= 126, within 2e-7 of itself; NaN for NaN. With x = y / ln 2, which float32 rounds, it is e^y within
 * 1e-7 |y| more.
 */
@inline
export function powerOfTwo(x: v128): v128 {
  const shifted = f32x4.add(x, rounding);
  const f = f32x4.sub(x, f32x4.sub(shifted, rounding));
  const square = f32x4.mul(f, f);
  const low = multiplyAdd(f, c2, c1);
  let p = multiplyAdd(f, c4, c3);
  p = multiplyAdd(square, c5, p);
  p = multiplyAdd(square, p, low);
  p = multiplyAdd(f, p, one);
  // Times 2^n: n is added to the exponent.
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** 1 / (1 + e^-x), within 2e-7 of itself for small x and 1e-7 |x| for large negative ones, where it is tiny. */
@inline
export function sigmoid(x: v128): v128 {
  const scaled = f32x4.mul(x, minusLog2E);
  const bounded = f32x4.pmin(f32x4.pmax(scaled, least), most);
  return f32x4.div(one, f32x4.add(one, powerOfTwo(bounded)));
}
