import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import type { Rng } from "../rng.js";
import type { Params } from "../types.js";
import { addPerChannel } from "./channelwise.js";
import { differentiable } from "./custom-gradient.js";
import { param } from "./params.js";

/**
 * Convolution with `${name}.weight` (HWIO) and, if there is one, `${name}.bias`, padded by (k - 1) / 2 on both
 * sides as PyTorch does; TensorFlow's 'same' would pad a stride of 2 on one side only.
 */
export function conv2d(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: { readonly stride?: 1 | 2 } = {},
): tf.Tensor4D {
  const weight = param(params, `${name}.weight`) as tf.Tensor as tf.Tensor4D;
  const kernel = weight.shape[0];
  check(kernel % 2 === 1 && weight.rank === 4, "conv2d", `${name}.weight to be HWIO of odd size`, weight);
  const stride = options.stride ?? 1;
  const border = (kernel - 1) / 2;
  const symmetric = stride === 1 || border === 0;
  const both: [number, number] = [border, border];
  const padded = symmetric ? x : tf.pad(x, [[0, 0], both, both, [0, 0]]);
  const convolved = tf.conv2d(padded, weight, stride, symmetric ? "same" : "valid");
  const bias = params[`${name}.bias`];
  return bias === undefined ? convolved : addPerChannel(convolved, bias);
}

/** x [batch, in] times `${name}.weight` [in, out], plus `${name}.bias` [out] if there is one. */
export function linear(x: tf.Tensor2D, params: Params, name: string): tf.Tensor2D {
  const weight: tf.Tensor = param(params, `${name}.weight`);
  const bias = params[`${name}.bias`];
  if (bias === undefined) return tf.matMul(x, weight);
  return tf.fused.matMul({ a: x, b: weight, bias }) as tf.Tensor2D;
}

/** Every pixel four times: [B, H, W, C] to [B, 2H, 2W, C] (nearest neighbour). Keeps nothing for the gradient. */
export function upsample(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  return differentiable(
    {
      keep: "nothing",
      forward: (input: tf.Tensor4D): tf.Tensor4D => {
        const spread = tf.reshape(input, [batch, height, 1, width, 1, channels]);
        const doubled = tf.mul(spread, tf.ones([1, 1, 2, 1, 2, 1]));
        return tf.reshape(doubled, [batch, 2 * height, 2 * width, channels]);
      },
      // A pixel's gradient is the sum over its four copies.
      backward: (dy) => [tf.mul(tf.avgPool(dy, 2, 2, "valid"), 4)],
      fused: { kernel: "Upsample", attrs: {} },
    },
    x,
  );
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
