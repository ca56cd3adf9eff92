import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import type { Rng } from "../rng.js";
import type { Params } from "../types.js";
import { addPerChannel } from "./channelwise.js";
import { fusedOr } from "./custom-gradient.js";
import { param } from "./params.js";

/**
 * Convolution with `${name}.weight` (HWIO) and, if there is one, `${name}.bias`, padded by (k - 1) / 2 on both
 * sides as PyTorch does; TensorFlow's 'same' pads a stride of 2 and an even size at the "end" only.
 */
export function conv2d(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: { readonly stride?: 1 | 2; readonly padding?: "both" | "end" } = {},
): tf.Tensor4D {
  const weight = filter(params, name);
  const { stride = 1, padding = "both" } = options;
  const border = (weight.shape[0] - 1) / 2;
  const same = stride === 1 || border === 0 || padding === "end";
  const both: [number, number] = [border, border];
  const padded = same ? x : tf.pad(x, [[0, 0], both, both, [0, 0]]);
  return biased(tf.conv2d(padded, weight, stride, same ? "same" : "valid"), params, name);
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

function biased(x: tf.Tensor4D, params: Params, name: string): tf.Tensor4D {
  const bias = params[`${name}.bias`];
  return bias === undefined ? x : addPerChannel(x, bias);
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
  const fused = { kernel: "UpsampledConv2D", attrs: {} };
  return biased(fusedOr(transposedConv2d, fused, x, filter(params, name)), params, name);
}

/**
 * Taps that meet copies of one pixel are summed first, which leaves (k + 1)^2 / 4 products of k^2: a transposed
 * convolution with stride 2 (Dumoulin & Visin 2016, sec. 4), whose filter is the sums of neighbouring taps, backwards.
 */
function transposedConv2d(x: tf.Tensor4D, weight: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const summed = tf.transpose(pairSums(pairSums(weight, 0), 1), [0, 1, 3, 2]);
  const shape: [number, number, number, number] = [batch, 2 * height, 2 * width, weight.shape[3]];
  return tf.conv2dTranspose(x, summed, shape, 2, "same");
}

/** The sums of each two neighbours along an axis, and its ends alone, from the last to the first. */
function pairSums(x: tf.Tensor4D, axis: number): tf.Tensor4D {
  // In a new array: the tape has the one that tf.split returns.
  const parts = [...tf.split<tf.Tensor4D>(x, x.shape[axis]!, axis)].reverse();
  const sums = parts.slice(1).map((part, i) => tf.add<tf.Tensor4D>(part, parts[i]!));
  const all = [parts[0]!, ...sums, parts.at(-1)!];
  return tf.concat(all, axis);
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
