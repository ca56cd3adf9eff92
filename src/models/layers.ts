import * as tf from "../tfjs.js";
import { check } from "../check.js";
import type { Rng } from "../rng.js";
import type { Params } from "../types.js";
import { convolve, type Added } from "./convolve.js";
import { param } from "./params.js";

/**
 * Convolution with `${name}.weight` (HWIO) and, if there is one, `${name}.bias`, padded by (k - 1) / 2 on both
 * sides as PyTorch does; TensorFlow's 'same' pads a stride of 2 and an even size at the "end" only. `rows` and
 * `residual` are added to what it gives.
 */
export function conv2d(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: Omit<Added, "bias"> & { readonly stride?: 1 | 2; readonly padding?: "both" | "end" } = {},
): tf.Tensor4D {
  const weight = filter(params, name);
  const { stride = 1, padding = "both", ...added } = options;
  const border = (weight.shape[0] - 1) / 2;
  const same = stride === 1 || border === 0 || padding === "end";
  const passage = { stride, border: same ? ("same" as const) : border, upsampled: false };
  return convolve(x, weight, passage, { bias: params[`${name}.bias`], ...added });
}

function filter(params: Params, name: string): tf.Tensor4D {
  const weight = param(params, `${name}.weight`) as tf.Tensor as tf.Tensor4D;
  check(
    weight.rank === 4 && weight.shape[0] % 2 === 1,
    "conv2d",
    `${name}.weight to be HWIO of odd size`,
    weight,
  );
  return weight;
}

/** x [batch, in] times `${name}.weight` [in, out], plus `${name}.bias` [out] if there is one. */
export function linear(x: tf.Tensor2D, params: Params, name: string): tf.Tensor2D {
  const weight: tf.Tensor = param(params, `${name}.weight`);
  const bias = params[`${name}.bias`];
  if (bias === undefined) return tf.matMul(x, weight);
  return tf.fused.matMul({ a: x, b: weight, bias }) as tf.Tensor2D;
}

/**
 * {@link conv2d} of x with every pixel four times (nearest neighbour): [B, H, W, C] to [B, 2H, 2W, C']. No large x is
 * kept for the gradient.
 */
export function upsampledConv2d(x: tf.Tensor4D, params: Params, name: string): tf.Tensor4D {
  const passage = { stride: 1, border: "same", upsampled: true } as const;
  return convolve(x, filter(params, name), passage, { bias: params[`${name}.bias`] });
}

/**
 * Drops each value with probability `rate` and divides the rest by 1 - rate. The mask is drawn on the host from
 * `rng`, which moves on. Srivastava et al. 2014, sec. 4 (inverted, as PyTorch does).
 */
export function dropout(x: tf.Tensor4D, rate: number, rng: Rng): tf.Tensor4D {
  if (rate === 0) return x;
  const mask = new Float32Array(x.size);
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = rng.uniform() < rate ? 0 : kept;
  return tf.mul(x, tf.tensor4d(mask, x.shape));
}
