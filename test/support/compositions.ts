import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";
import { createRng } from "../../src/index.js";
import { attend } from "../../src/models/attention.js";
import { batchNorm, batchNormAddRelu, batchNormRelu } from "../../src/models/batch-norm.js";
import { addPerChannel, pixelMean } from "../../src/models/channelwise.js";
import { groupNorm, groupNormSilu, silu } from "../../src/models/group-norm.js";
import { conv2d, linear, upsampledConv2d } from "../../src/models/layers.js";
import { recompute } from "../../src/autodiff/recompute.js";
import { untaped } from "../../src/autodiff/untaped.js";
import type { Params } from "../../src/types.js";

/** One stream for inputs and directions: finite differences near a kink are off, so what is drawn matters. */
export const rng = createRng(7);

/** An operation of this library, made of several of TensorFlow.js's. */
export interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly f: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Of finite differences: smaller where the slope jumps. */
  readonly step?: number;
}

export const asParams = (entries: Record<string, tf.Tensor>) => entries as unknown as Params;

export function groupNormCase(
  shape: readonly [number, number, number, number],
  groups: number,
  silu: boolean,
): Case {
  const f = silu ? groupNormSilu : groupNorm;
  return {
    name: `group norm${silu ? " and SiLU" : ""} of [${shape.join(", ")}] in ${groups} groups`,
    shapes: [shape, [shape[3]], [shape[3]]],
    f: (x, weight, bias) =>
      f(x as tf.Tensor4D, asParams({ "n.weight": weight, "n.bias": bias }), "n", { groups, epsilon: 1e-5 }),
  };
}

export function attentionCase(...shape: readonly [number, number, number]): Case {
  return {
    name: `attention of [${shape.join(", ")}]`,
    shapes: [shape, shape, shape],
    f: (q, k, v) => attend(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, shape[2] ** -0.5),
  };
}

type Four = readonly [number, number, number, number];

/** Convolutions to which a bias, a row per sample and a residual are added, and each alone. */
function addedCases(shape: Four, filter: Four): Case[] {
  const [batch, height, width] = shape;
  const outputs = filter[3];
  const every = { bias: [outputs], rows: [batch, outputs], residual: [batch, height, width, outputs] };
  const names = ["bias", "rows", "residual"] as const;
  type Names = readonly (typeof names)[number][];
  const combinations: Names[] = [["bias"], ["rows"], ["residual"], ["bias", "residual"], names];
  return combinations.map((added) => ({
    name: `a convolution of [${shape.join(", ")}] by [${filter.join(", ")}] with ${added.join(", ")}`,
    shapes: [shape, filter, ...added.map((name) => every[name])],
    f: (x, weight, ...more) => {
      const { bias, rows, residual } = Object.fromEntries(added.map((name, i) => [name, more[i]]));
      return conv2d(
        x as tf.Tensor4D,
        asParams({ "c.weight": weight, ...(bias && { "c.bias": bias }) }),
        "c",
        {
          rows: rows as tf.Tensor2D | undefined,
          residual: residual as tf.Tensor4D | undefined,
        },
      );
    },
  }));
}

const statistics = new Map<string, tf.Variable>();

/** Running statistics of as many channels on the engine that runs, which a training step changes. */
function running(channels: number): tf.Variable {
  const key = `${tf.getBackend()} ${channels}`;
  const known = statistics.get(key) ?? tf.tidy(() => tf.variable(tf.ones([channels]), false));
  statistics.set(key, known);
  return known;
}

/** Frees the running statistics, which outlive the evaluations that change them. */
export function disposeStatistics(): void {
  for (const statistic of statistics.values()) statistic.dispose();
  statistics.clear();
}

function batchNormCases(shape: readonly [number, number, number, number]): Case[] {
  const row = [shape[3]];
  const text = `[${shape.join(", ")}]`;
  return [batchNorm, batchNormRelu].flatMap((normalise): Case[] => [
    {
      name: `${normalise.name} of ${text} by given statistics`,
      step: 3e-4,
      shapes: [shape, row, row, row, row],
      f: (x, weight, bias, running_mean, raw) =>
        normalise(
          x as tf.Tensor4D,
          bn({ weight, bias, running_mean, running_var: tf.add(tf.square(raw), 0.3) }),
          "n",
        ),
    },
    {
      name: `${normalise.name} of ${text} in training`,
      step: 3e-4,
      shapes: [shape, row, row],
      f: (x, weight, bias) => {
        const statistic = running(shape[3]);
        const params = bn({ weight, bias, running_mean: statistic, running_var: statistic });
        return normalise(x as tf.Tensor4D, params, "n", { train: { rng } });
      },
    },
  ]);
}

function addReluCase(shape: readonly [number, number, number, number]): Case {
  const row = [shape[3]];
  return {
    name: `batchNormAddRelu of [${shape.join(", ")}]`,
    step: 3e-4,
    shapes: [shape, shape, row, row],
    f: (x, other, weight, bias) => {
      const [running_mean, running_var] = [tf.fill(row, 0.1), tf.fill(row, 1.3)];
      const params = bn({ weight, bias, running_mean, running_var });
      return batchNormAddRelu([x as tf.Tensor4D, other as tf.Tensor4D], params, "n");
    },
  };
}

/** Weights of a batch norm called "n". */
export const bn = (entries: Record<string, tf.Tensor | undefined>) =>
  asParams(Object.fromEntries(Object.entries(entries).map(([key, value]) => [`n.${key}`, value!])));

const imageShapes = [
  [2, 4, 3, 8],
  [1, 7, 6, 5],
  [3, 1, 1, 1],
  [2, 9, 5, 19],
] as const;

/** Channels by fours and with a rest, one pixel and more than a block, groups of one channel and of all. */
export const cases: readonly Case[] = [
  groupNormCase([2, 4, 4, 8], 4, true),
  groupNormCase([2, 4, 4, 8], 8, false),
  groupNormCase([3, 5, 7, 9], 3, true),
  groupNormCase([1, 9, 9, 6], 1, true),
  groupNormCase([3, 1, 2, 5], 1, false),
  groupNormCase([1, 3, 1, 1], 1, true),
  groupNormCase([2, 13, 11, 32], 8, true),
  // Whole panels, a rest of each, blocks of queries and a rest, one pixel, one channel.
  attentionCase(2, 16, 8),
  attentionCase(3, 7, 5),
  attentionCase(2, 131, 12),
  attentionCase(1, 1, 3),
  attentionCase(2, 9, 1),
  ...imageShapes.flatMap(batchNormCases),
  ...imageShapes.map((shape) => addReluCase(shape)),
  ...imageShapes.flatMap((shape): Case[] => {
    const [batch, , , channels] = shape;
    const text = `[${shape.join(", ")}]`;
    return [
      {
        name: `adding one number per channel to ${text}`,
        shapes: [shape, [channels]],
        f: (x, row) => addPerChannel(x as tf.Tensor4D, row),
      },
      {
        name: `adding one number per sample and channel to ${text}`,
        shapes: [shape, [batch, channels]],
        f: (x, rows) => addPerChannel(x as tf.Tensor4D, rows),
      },
      { name: `the mean over the pixels of ${text}`, shapes: [shape], f: (x) => pixelMean(x as tf.Tensor4D) },
    ];
  }),
  // Few channels; enough of them for tiles, in several blocks and ragged ones; another size of filter.
  ...(
    [
      [[2, 3, 4, 5], [3, 3, 5, 6], [6]],
      [[2, 5, 7, 20], [3, 3, 20, 16], [16]],
      [[1, 13, 12, 16], [3, 3, 16, 28], [28]],
      [[2, 3, 4, 16], [5, 5, 16, 16], [16]],
    ] as const
  ).map((shapes): Case => ({
    name: `an upsampled convolution of [${shapes[0].join(", ")}]`,
    shapes,
    f: (x, weight, bias) =>
      upsampledConv2d(x as tf.Tensor4D, asParams({ "c.weight": weight, "c.bias": bias }), "c"),
  })),
  // By panels and by tiles, several images in one block of them; what is added in all combinations.
  ...(
    [
      [
        [2, 3, 4, 5],
        [3, 3, 5, 6],
      ],
      [
        [3, 9, 7, 16],
        [3, 3, 16, 20],
      ],
      [
        [2, 5, 4, 3],
        [1, 1, 3, 17],
      ],
    ] as const
  ).flatMap(([shape, filter]) => addedCases(shape, filter)),
  {
    name: "a convolution of stride 2",
    shapes: [[2, 6, 5, 3], [3, 3, 3, 4], [4]],
    f: (x, weight, bias) =>
      conv2d(x as tf.Tensor4D, asParams({ "c.weight": weight, "c.bias": bias }), "c", { stride: 2 }),
  },
  {
    name: "a linear layer",
    shapes: [[3, 4], [4, 5], [5]],
    f: (x, weight, bias) => linear(x as tf.Tensor2D, asParams({ "l.weight": weight, "l.bias": bias }), "l"),
  },
  {
    name: "SiLU, recomputed in the backward pass",
    shapes: [[3, 4], [4]],
    f: (x, scale) => recompute(([a, b]) => silu(tf.mul(a, b)), { inputs: [x, scale] }),
  },
  {
    name: "a factor without a gradient",
    shapes: [[3, 4], [4]],
    f: (x, scale) =>
      tf.add(
        tf.mul(
          x,
          untaped(() => tf.fill([4], 3)),
        ),
        scale,
      ),
  },
];

/** Inputs away from zero mean, and an output gradient. */
export function draw({ shapes, f }: Case): { inputs: Float32Array[]; dy: Float32Array } {
  const inputs = shapes.map((shape) =>
    Float32Array.from(rng.normals(tf.util.sizeFromShape([...shape])), (x) => 1.5 * x + 0.5),
  );
  const size = tf.tidy(() => f(...inputs.map((data, i) => tf.tensor(data, [...shapes[i]!]))).size);
  return { inputs, dy: rng.normals(size) };
}

/** The value and the gradients of all inputs, on the engine that runs. */
export async function evaluateCase(
  { shapes, f }: Case,
  inputs: Float32Array[],
  dy: Float32Array,
): Promise<Float32Array[]> {
  const results = tf.tidy(() => {
    const tensors = inputs.map((data, i) => tf.tensor(data, [...shapes[i]!]));
    const y = f(...tensors);
    return [y, ...tf.grads(f)(tensors, tf.tensor(dy, y.shape))];
  });
  const data = await Promise.all(results.map((result) => result.data<"float32">()));
  tf.dispose(results);
  return data;
}

/** The largest difference as a share of the largest value, or of 1 where that is more. */
export function distance(actual: Float32Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  const size = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1);
  return actual.reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i]!)), 0) / size;
}
