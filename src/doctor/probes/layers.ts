import * as tf from "../../tfjs.js";
import { attend } from "../../models/attention.js";
import { batchNorm, batchNormAddRelu, batchNormRelu } from "../../models/batch-norm.js";
import { addPerChannel, pixelMean } from "../../models/channelwise.js";
import { groupNorm, groupNormSilu, silu } from "../../models/group-norm.js";
import { upsampledConv2d } from "../../models/layers.js";
import { createRng } from "../../rng.js";
import type { Params } from "../../types.js";
import { normal, positive, type Probe } from "../probe.js";
import { at, build, map, sum, type Values } from "../values.js";
import { softmax } from "./reductions.js";

// This library's own operations: one kernel each where the engine has it, else composed of the engine's.

const EPSILON = 1e-5;
const shape = [2, 3, 2, 4] as const;
const larger = [4, 32, 32, 16];

/** Tensors under the names of a layer's weights. Its functions only read them, as they read variables. */
const weights = (named: Readonly<Record<string, tf.Tensor>>) =>
  Object.fromEntries(
    Object.entries(named).map(([name, tensor]) => [`layer.${name}`, tensor]),
  ) as unknown as Params;

const siluOf = (x: number) => x / (1 + Math.exp(-x));
const relu = (x: number) => Math.max(x, 0);

/** (x - mean) / sqrt(variance + epsilon) over all entries of the same `part` as the entry itself. */
function standardised(x: Values, part: (i: number) => number): Values {
  const parts = Array.from(x.data, (_, i) => part(i));
  const moments = new Map<number, { mean: number; variance: number }>();
  for (const name of new Set(parts)) {
    const members = x.data.filter((_, i) => parts[i] === name);
    const mean = sum(members.length, (i) => members[i]!) / members.length;
    const variance = sum(members.length, (i) => (members[i]! - mean) ** 2) / members.length;
    moments.set(name, { mean, variance });
  }
  return map(x, (value, i) => {
    const { mean, variance } = moments.get(parts[i]!)!;
    return (value - mean) / Math.sqrt(variance + EPSILON);
  });
}

/** One number per channel, for entry i of x. */
const channel = (values: Values, i: number) => values.data[i % values.data.length]!;

/** Of two groups of channels. */
function groupNorms(operation: string, activate: boolean): Probe {
  const layer = activate ? groupNormSilu : groupNorm;
  return {
    operation,
    inputs: { x: normal(...shape), gamma: normal(4), beta: normal(4) },
    run: (x: tf.Tensor4D, weight: tf.Tensor, bias: tf.Tensor) =>
      layer(x, weights({ weight, bias }), "layer", { groups: 2, epsilon: EPSILON }),
    reference: (x, gamma, beta) => {
      const group = (i: number) => 2 * Math.floor(i / 24) + (Math.floor(i / 2) % 2);
      const y = map(standardised(x, group), (value, i) => value * channel(gamma, i) + channel(beta, i));
      return activate ? map(y, siluOf) : y;
    },
    own: true,
    larger: { shapes: [larger, [16], [16]] },
  };
}

/** With the batch's statistics. */
const trainingBatchNorm: Probe = {
  operation: "batch norm, training",
  inputs: { x: normal(...shape), gamma: normal(4), beta: normal(4) },
  run: (x: tf.Tensor4D, weight: tf.Tensor, bias: tf.Tensor) => {
    const [running_mean, running_var] = [tf.variable(tf.zerosLike(weight)), tf.variable(tf.onesLike(weight))];
    try {
      const params = weights({ weight, bias, running_mean, running_var });
      return batchNormRelu(x, params, "layer", { train: { rng: createRng(0) } });
    } finally {
      tf.dispose([running_mean, running_var]);
    }
  },
  reference: (x, gamma, beta) =>
    map(standardised(x, (i) => i % 4), (value, i) => relu(value * channel(gamma, i) + channel(beta, i))), // prettier-ignore
  own: true,
  larger: { shapes: [larger, [16], [16]] },
};

const statistics = { gamma: normal(4), beta: normal(4), mean: normal(4), variance: positive(4) };

const normalised = (x: Values, [gamma, beta, mean, variance]: readonly Values[]) =>
  map(x, (value, i) => {
    const normal = (value - channel(mean!, i)) / Math.sqrt(channel(variance!, i) + EPSILON);
    return normal * channel(gamma!, i) + channel(beta!, i);
  });

const fixedBatchNorm: Probe = {
  operation: "batch norm, fixed",
  inputs: { x: normal(...shape), ...statistics },
  run: (
    x: tf.Tensor4D,
    weight: tf.Tensor,
    bias: tf.Tensor,
    running_mean: tf.Tensor,
    running_var: tf.Tensor,
  ) => batchNorm(x, weights({ weight, bias, running_mean, running_var }), "layer"),
  reference: (x, ...rest) => normalised(x, rest),
  own: true,
  larger: { shapes: [larger, [16], [16], [16], [16]] },
};

const shortcutBatchNorm: Probe = {
  operation: "batch norm, fixed, plus a shortcut, ReLU",
  inputs: { x: normal(...shape), other: normal(...shape), ...statistics },
  run: (...[x, other, weight, bias, running_mean, running_var]: tf.Tensor[]) =>
    batchNormAddRelu(
      [x as tf.Tensor4D, other as tf.Tensor4D],
      weights({ weight: weight!, bias: bias!, running_mean: running_mean!, running_var: running_var! }),
      "layer",
    ),
  reference: (x, other, ...rest) => map(normalised(x, rest), (value, i) => relu(value + other.data[i]!)),
  own: true,
};

/** softmax(scale q k^T) v of each image. */
const attention: Probe = {
  operation: "attention",
  inputs: { q: normal(2, 5, 3), k: normal(2, 5, 3), v: normal(2, 5, 3) },
  run: (q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D) => attend(q, k, v, 0.6),
  reference: (q, k, v) => {
    const scores = build([2, 5, 5], (b, i, j) => 0.6 * sum(3, (c) => at(q, b, i, c) * at(k, b, j, c)));
    const mixture = softmax(scores);
    return build([2, 5, 3], (b, i, c) => sum(5, (j) => at(mixture, b, i, j) * at(v, b, j, c)));
  },
  own: true,
  larger: { shapes: Array.from({ length: 3 }, () => [2, 256, 32]) },
};

const siluProbe: Probe = {
  operation: "SiLU",
  inputs: { x: normal(3, 5) },
  run: (x: tf.Tensor) => silu(x),
  reference: (x) => map(x, siluOf),
  own: true,
  larger: { shapes: [[64, 1024]] },
};

const perChannel: Probe = {
  operation: "one number per channel added",
  inputs: { x: normal(...shape), values: normal(4) },
  run: (x: tf.Tensor4D, values: tf.Tensor) => addPerChannel(x, values),
  reference: (x, values) => map(x, (value, i) => value + channel(values, i)),
  own: true,
  larger: { shapes: [larger, [16]] },
};

const means: Probe = {
  operation: "mean over pixels",
  inputs: { x: normal(...shape) },
  run: (x: tf.Tensor4D) => pixelMean(x),
  reference: (x) => build([2, 1, 1, 4], (b, _, __, c) => sum(6, (p) => x.data[(b * 6 + p) * 4 + c]!) / 6),
  own: true,
  larger: { shapes: [larger] },
};

const upsampled: Probe = {
  operation: "upsampled conv2d 3x3",
  inputs: { x: normal(2, 2, 3, 2), filter: normal(3, 3, 2, 3) },
  run: (x: tf.Tensor4D, weight: tf.Tensor) => upsampledConv2d(x, weights({ weight }), "layer"),
  reference: (x, filter) => {
    const pixel = (i: number, tap: number) => Math.floor((i + tap - 1) / 2);
    const product = ([b, i, j, o]: readonly number[], row: number, column: number) =>
      sum(2, (c) => at(x, b!, pixel(i!, row), pixel(j!, column), c) * at(filter, row, column, c, o!));
    return build([2, 4, 6, 3], (...index) => sum(9, (tap) => product(index, Math.floor(tap / 3), tap % 3)));
  },
  own: true,
  larger: { shapes: [larger, [3, 3, 16, 16]] },
};

export const layers: readonly Probe[] = [
  siluProbe,
  groupNorms("group norm", false),
  groupNorms("group norm, SiLU", true),
  trainingBatchNorm,
  fixedBatchNorm,
  shortcutBatchNorm,
  attention,
  perChannel,
  means,
  upsampled,
];
