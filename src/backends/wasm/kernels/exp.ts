// Elementary functions of four float32 at once. Polynomials are minimax fits of the relative error, summed by pairs
// rather than by Horner's rule: the processor waits for the longest chain of operations, not for their number.

import { multiplyAdd } from "./multiply-add";

/** Added to a number it rounds that to a whole one, which then stands in the last bits: 1.5 * 2^23. */
const ROUNDING: f32 = 12582912;

/**
 * e^x within a unit in the last place: 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2. Infinity above 88.73, 0
 * below -103.97, NaN for NaN.
 */
@inline
export function exp(x: v128): v128 {
  // pmin and pmax keep a NaN that comes first, and are one instruction, which min and max are not.
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-104)), f32x4.splat(89));
  const shifted = f32x4.add(f32x4.mul(bounded, f32x4.splat(1.4426950408889634)), f32x4.splat(ROUNDING));
  const n = f32x4.sub(shifted, f32x4.splat(ROUNDING));
  // ln 2 in two parts, the first so short that n times it is exact.
  const near = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375)));
  const r = f32x4.add(near, f32x4.mul(n, f32x4.splat(2.1219444e-4)));
  const square = f32x4.mul(r, r);
  // 1 + r + r^2 (c2 + c3 r + r^2 (c4 + c5 r + c6 r^2)), exact to 3e-9
  const low = f32x4.add(f32x4.mul(r, f32x4.splat(0.16666521)), f32x4.splat(0.49999994));
  let p = f32x4.add(f32x4.mul(r, f32x4.splat(0.008368745)), f32x4.splat(0.04166839));
  p = f32x4.add(f32x4.mul(square, f32x4.splat(0.0013814541)), p);
  p = f32x4.add(f32x4.mul(square, p), low);
  p = f32x4.add(f32x4.add(f32x4.mul(square, p), r), f32x4.splat(1));
  // 2^n in two factors, so that results below the normal numbers, and infinity, come out by themselves.
  const power = i32x4.sub(shifted, f32x4.splat(ROUNDING));
  const half = i32x4.shr_s(power, 1);
  const rest = i32x4.sub(power, half);
  const first = i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23);
  const second = i32x4.shl(i32x4.add(rest, i32x4.splat(127)), 23);
  return f32x4.mul(f32x4.mul(p, first), second);
}

/**
 * 2^x for |x| <= 126, within 2e-7 of itself; NaN for NaN. With x = y / ln 2, which float32 rounds, it is e^y within
 * 1e-7 |y| more, at half the instructions of {@link exp}.
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

/**
 * 1 / (1 + e^-x), within 2e-7 of itself for small x and 1e-7 |x| for large ones. It needs e^-x less exactly than
 * {@link exp} gives it.
 */
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  const scaled = f32x4.mul(x, f32x4.splat(-1.4426950408889634));
  const bounded = f32x4.pmin(f32x4.pmax(scaled, f32x4.splat(-126)), f32x4.splat(126));
  return f32x4.div(one, f32x4.add(one, powerOfTwo(bounded)));
}
