import * as tf from "@tensorflow/tfjs";
import type { Params } from "../types.js";
import { addSame } from "./channelwise.js";
import { groupNorm } from "./group-norm.js";
import { conv2d } from "./layers.js";

/**
 * x plus single-head self-attention over its pixels, softmax(q k^T / sqrt(C)) v between 1x1 convolutions.
 * Vaswani et al. 2017, eq. 1; Ho et al. 2020, appendix B.
 */
export function attention(x: tf.Tensor4D, params: Params, name: string, groups: number): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const h = groupNorm(x, params, `${name}.group_norm`, groups);
  const project = (which: string): tf.Tensor3D =>
    tf.reshape(conv2d(h, params, `${name}.${which}`), [batch, height * width, channels]);
  // Scaling q instead of the product costs less: it has C entries a pixel, not H W.
  const q = tf.mul(project("proj_q"), 1 / Math.sqrt(channels));
  const weights = tf.softmax(tf.matMul(q, project("proj_k"), false, true));
  const mixed: tf.Tensor4D = tf.reshape(tf.matMul(weights, project("proj_v")), x.shape);
  return addSame(x, conv2d(mixed, params, `${name}.proj`));
}
