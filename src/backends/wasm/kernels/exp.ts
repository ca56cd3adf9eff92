// Elementary functions of four float32 at once.

/**
 * e^x, within 1.5 units in the last place: 2^n e^r with n = round(x / ln 2) and a polynomial for e^r, |r| <= ln 2 / 2
 * (coefficients of Moshier's Cephes, expf). Infinity above 88.73, 0 below -103.97, NaN for NaN.
 */
@inline
export function exp(x: v128): v128 {
  // pmin and pmax keep a NaN that comes first, and are one instruction, which min and max are not.
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-104)), f32x4.splat(89));
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the last bits.
  const shifted = f32x4.add(f32x4.mul(bounded, f32x4.splat(1.44269504088896341)), f32x4.splat(12582912));
  const n = f32x4.sub(shifted, f32x4.splat(12582912));
  // ln 2 in two parts, the first so short that n times it is exact.
  const high = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375)));
  const r = f32x4.add(high, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.add(f32x4.mul(r, f32x4.splat(1.9875691500e-4)), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  // 2^n in two factors, so that results below the normal numbers, and infinity, come out by themselves.
  const power = i32x4.sub(shifted, i32x4.splat(0x4b400000));
  const half = i32x4.shr_s(power, 1);
  const rest = i32x4.sub(power, half);
  const first = i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23);
  const second = i32x4.shl(i32x4.add(rest, i32x4.splat(127)), 23);
  return f32x4.mul(f32x4.mul(p, first), second);
}

/** 1 / (1 + e^-x). */
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/**
 * 2^x for x <= 0, within 2 units in the last place, but never below 2^-100, so that no product with it falls below the
 * normal numbers, which are slow. Half the instructions of {@link exp}, and a polynomial (coefficients of Moshier's
 * Cephes, exp2f) whose terms need not wait for each other: it is the wait that costs.
 */
@inline
export function powerOfTwo(x: v128): v128 {
  const bounded = f32x4.pmax(x, f32x4.splat(-100));
  const shifted = f32x4.add(bounded, f32x4.splat(12582912));
  const f = f32x4.sub(bounded, f32x4.sub(shifted, f32x4.splat(12582912)));
  const f2 = f32x4.mul(f, f);
  const first = f32x4.add(f32x4.mul(f, f32x4.splat(5.550332471162809e-2)), f32x4.splat(2.402264791363012e-1));
  const second = f32x4.add(f32x4.mul(f, f32x4.splat(1.339887440266574e-3)), f32x4.splat(9.618437357674640e-3));
  const rest = f32x4.add(f32x4.mul(f2, f32x4.splat(1.535336188319500e-4)), second);
  const linear = f32x4.mul(f, f32x4.splat(6.931472028550421e-1));
  const low = f32x4.add(f32x4.mul(f2, first), linear);
  const p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(f2, f2), rest), low), f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23));
}
