import * as tf from "../tfjs.js";
import { check } from "../check.js";
import type { Params } from "../types.js";
import { pixelMean } from "./channelwise.js";
import { differentiable } from "../autodiff/custom-gradient.js";
import { param } from "./params.js";

// The gradients here recompute what they need from the saved inputs by ordinary operations, so little is kept,
// and second derivatives are exact where the engine can differentiate those operations.

/** x sigmoid(x). Hendrycks & Gimpel 2016, sec. 2 (SiLU); Ramachandran et al. 2017 (Swish). */
export function silu<T extends tf.Tensor>(x: T): T {
  return differentiable(
    {
      keep: "inputs",
      forward: (input: T): T => tf.mul(input, tf.sigmoid(input)),
      backward: (dy, input) => [siluGradient(dy, input)],
    },
    x,
  );
}

/** Group normalisation with `${name}.weight` and `${name}.bias` [C]. Wu & He 2018, eq. 1-4, 6. */
export function groupNorm(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: GroupNormOptions,
): tf.Tensor4D {
  return normalise(x, params, name, { ...options, activate: false });
}

/** SiLU of group normalisation as one operation: the tape keeps x and not the values in between. */
export function groupNormSilu(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: GroupNormOptions,
): tf.Tensor4D {
  return normalise(x, params, name, { ...options, activate: true });
}

/** How many groups, and what is added to their variance. */
export interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

type Options = GroupNormOptions & { readonly activate: boolean };

function normalise(x: tf.Tensor4D, params: Params, name: string, options: Options): tf.Tensor4D {
  const { groups, epsilon, activate } = options;
  const channels = x.shape[3];
  check(channels % groups === 0, "groupNorm", `${name}: channels that ${groups} groups divide`, channels);
  return differentiable(
    {
      keep: "inputs",
      forward: (input: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor4D => {
        const { centred, inverse } = standardise(input, options);
        const y = affine(centred, tf.mul(inverse, gamma), beta);
        return activate ? tf.mul(y, tf.sigmoid(y)) : y;
      },
      backward: (dy, ...inputs) => normaliseGradients(dy, inputs, options),
      fused: { kernel: "GroupNorm", attrs: { groups, activate, epsilon } },
    },
    x,
    param(params, `${name}.weight`),
    param(params, `${name}.bias`),
  );
}

/** Gradients for x, gamma and beta; `out` is the gradient of the result. */
function normaliseGradients(
  out: tf.Tensor4D,
  [x, gamma, beta]: readonly [tf.Tensor4D, tf.Tensor, tf.Tensor],
  options: Options,
): tf.Tensor[] {
  const { groups, activate } = options;
  const { centred, inverse } = standardise(x, options);
  const normal: tf.Tensor4D = tf.mul(centred, inverse);
  const dy = activate ? siluGradient(out, affine(normal, gamma, beta)) : out;
  const meanDy = pixelMean(dy);
  const meanDyNormal = pixelMean(tf.mul(dy, normal));
  const shift = groupMean(tf.mul(meanDy, gamma), groups);
  const slope = groupMean(tf.mul(meanDyNormal, gamma), groups);
  // dx = inverse (gamma dy - mean(gamma dy) - normal mean(gamma dy normal)), means over a group.
  const along = tf.add(tf.mul(normal, tf.mul(slope, inverse)), tf.mul(shift, inverse));
  const dx = tf.sub(tf.mul(dy, tf.mul(inverse, gamma)), along);
  const pixels = x.shape[1] * x.shape[2];
  const total = (mean: tf.Tensor4D) => tf.mul(tf.sum(mean, [0, 1, 2]), pixels);
  return [dx, total(meanDyNormal), total(meanDy)];
}

/** x minus its group's mean, and 1 / sqrt(variance + epsilon) of the group as [B, 1, 1, C]. */
function standardise(
  x: tf.Tensor4D,
  { groups, epsilon }: GroupNormOptions,
): { centred: tf.Tensor4D; inverse: tf.Tensor4D } {
  const centred: tf.Tensor4D = tf.sub(x, groupMean(pixelMean(x), groups));
  const variance = groupMean(pixelMean(tf.square(centred)), groups);
  const bounded: tf.Tensor4D = tf.add(variance, epsilon);
  return { centred, inverse: tf.rsqrt(bounded) };
}

/** Replaces each channel's value [B, 1, 1, C] by the mean over the channel's group. */
function groupMean(perChannel: tf.Tensor, groups: number): tf.Tensor4D {
  const [batch, , , channels] = perChannel.shape as [number, number, number, number];
  const width = channels / groups;
  const mean = tf.mean(tf.reshape(perChannel, [batch, groups, width]), 2, true);
  return tf.reshape(tf.mul(mean, tf.ones([1, 1, width])), [batch, 1, 1, channels]);
}

function affine(x: tf.Tensor4D, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor4D {
  return tf.add(tf.mul(x, scale), offset);
}

/** dy sigmoid(x) (1 + x (1 - sigmoid(x))). */
function siluGradient<T extends tf.Tensor>(dy: T, x: T): T {
  return tf.tidy(() => {
    const s = tf.sigmoid(x);
    return tf.mul(dy, tf.mul(s, tf.add(tf.mul(x, tf.sub(1, s)), 1)));
  });
}
