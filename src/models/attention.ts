import * as tf from "@tensorflow/tfjs";
import type { Params } from "../types.js";
import { addSame } from "./channelwise.js";
import { differentiable } from "./custom-gradient.js";
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
  const mixed = attend(project("proj_q"), project("proj_k"), project("proj_v"), 1 / Math.sqrt(channels));
  return addSame(x, conv2d(tf.reshape(mixed, x.shape), params, `${name}.proj`));
}

/**
 * softmax(scale q k^T) v of each image, for q, k, v [B, N, C] and a scale above 0. The tape keeps q, k and v, not the
 * [B, N, N] weights: the gradient makes them again (Dao et al. 2022, FlashAttention, sec. 3.1).
 */
export function attend(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, scale: number): tf.Tensor3D {
  return differentiable(
    {
      keep: "inputs",
      forward: (...[queries, keys, values]: Triple): tf.Tensor3D =>
        tf.matMul(weigh(tf.mul(queries, scale), keys), values),
      backward: (dy, ...inputs) => attendGradients(dy, inputs, scale),
      fused: { kernel: "Attention", attrs: { scale } },
    },
    q,
    k,
    v,
  );
}

type Triple = [q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D];

/** Scaling q instead of the product costs less: it has C entries a pixel, not H W. */
function weigh(scaled: tf.Tensor3D, k: tf.Tensor3D): tf.Tensor3D {
  const scores: tf.Tensor3D = tf.matMul(scaled, k, false, true);
  return tf.softmax(scores);
}

/** dP = dy v^T and dS = P (dP - sum P dP) for the weights P and the scores S. Dao et al. 2022, appendix B.2. */
function attendGradients(dy: tf.Tensor3D, [q, k, v]: Readonly<Triple>, scale: number): tf.Tensor3D[] {
  const scaled: tf.Tensor3D = tf.mul(q, scale);
  const weights = weigh(scaled, k);
  const dScores = tf.tidy(() => {
    const dWeights: tf.Tensor3D = tf.matMul(dy, v, false, true);
    return tf.mul<tf.Tensor3D>(weights, tf.sub(dWeights, tf.sum(tf.mul(weights, dWeights), 2, true)));
  });
  const [dq, dk]: [tf.Tensor3D, tf.Tensor3D] = [
    tf.mul(tf.matMul(dScores, k), scale),
    tf.matMul(dScores, scaled, true),
  ];
  return [dq, dk, tf.matMul(weights, dy, true)];
}
