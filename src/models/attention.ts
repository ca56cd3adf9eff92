import * as tf from "../tfjs.js";
import type { Params } from "../types.js";
import { differentiable } from "../autodiff/custom-gradient.js";
import { groupNorm, type GroupNormOptions } from "./group-norm.js";
import { conv2d } from "./layers.js";

/**
 * x plus self-attention over its pixels, softmax(q k^T / sqrt(D)) v for each head's D channels (all of them if
 * `headWidth` is left out) between 1x1 convolutions. Vaswani et al. 2017, eq. 1 and sec. 3.2.2; Ho et al. 2020, app. B.
 */
export function attention(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: GroupNormOptions & { readonly headWidth?: number },
): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const { headWidth = channels } = options;
  const split = [batch, height * width, channels / headWidth, headWidth];
  const h = groupNorm(x, params, `${name}.group_norm`, options);
  const project = (which: string): tf.Tensor3D => heads(conv2d(h, params, `${name}.${which}`), split);
  const mixed = attend(project("proj_q"), project("proj_k"), project("proj_v"), 1 / Math.sqrt(headWidth));
  return conv2d(joined(mixed, split, x.shape), params, `${name}.proj`, { residual: x });
}

/** [B, H, W, C] to [B * heads, H * W, C / heads]. */
function heads(x: tf.Tensor4D, split: readonly number[]): tf.Tensor3D {
  const [batch, pixels, count, width] = split as [number, number, number, number];
  const apart = count === 1 ? x : tf.transpose(tf.reshape(x, [batch, pixels, count, width]), [0, 2, 1, 3]);
  return tf.reshape(apart, [batch * count, pixels, width]);
}

/** The way back. */
function joined(x: tf.Tensor3D, split: readonly number[], shape: tf.Tensor4D["shape"]): tf.Tensor4D {
  const [batch, pixels, count, width] = split as [number, number, number, number];
  const together = count === 1 ? x : tf.transpose(tf.reshape(x, [batch, count, pixels, width]), [0, 2, 1, 3]);
  return tf.reshape(together, shape);
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
