import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import type { Params } from "../types.js";
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
  return bias === undefined ? convolved : tf.add(convolved, bias);
}

/** x [batch, in] times `${name}.weight` [in, out], plus `${name}.bias` [out] if there is one. */
export function linear(x: tf.Tensor2D, params: Params, name: string): tf.Tensor2D {
  const weight: tf.Tensor = param(params, `${name}.weight`);
  const product: tf.Tensor2D = tf.matMul(x, weight);
  const bias = params[`${name}.bias`];
  return bias === undefined ? product : tf.add(product, bias);
}
