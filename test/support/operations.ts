import * as tf from "@tensorflow/tfjs";
import { createRng } from "../../src/index.js";

const rng = createRng(3);

/** Standard normal values, reproducible and the same on both engines. */
function normal(...shape: number[]): tf.Tensor {
  return tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape);
}

const positive = (...shape: number[]) =>
  tf.tidy(() =>
    normal(...shape)
      .abs()
      .add(0.3),
  );

/** An operation and what it is tried on. */
export interface Operation {
  readonly inputs: () => tf.Tensor[];
  readonly f: (...inputs: never[]) => tf.Tensor;
}

const matMuls = Object.fromEntries(
  [false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB) =>
      [[], [3], [2, 3]].map((batch): [string, Operation] => [
        `matMul ${transposeA ? "a'" : "a"} ${transposeB ? "b'" : "b"}, batch [${batch.join(", ")}]`,
        {
          inputs: () => [
            normal(...batch, ...(transposeA ? [5, 4] : [4, 5])),
            normal(...batch, ...(transposeB ? [6, 5] : [5, 6])),
          ],
          f: (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB),
        },
      ]),
    ),
  ),
);

type Padding = "same" | "valid" | number | tf.backend_util.ExplicitPadding;

const convolutions = Object.fromEntries(
  (
    [
      [1, 1, "same"],
      [1, 2, "same"],
      [1, 2, "valid"],
      [3, 1, "same"],
      [3, 1, "valid"],
      [3, 2, "same"],
      [3, 2, "valid"],
      [3, 3, "valid"],
      [5, 1, 2],
      [7, 1, "same"],
      [7, 2, "same"],
      [
        3,
        2,
        [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
      ],
      [
        3,
        1,
        [
          [0, 0],
          [2, 0],
          [1, 2],
          [0, 0],
        ],
      ],
    ] as [number, number, Padding][]
  ).map(([size, stride, padding]): [string, Operation] => [
    `conv2d ${size}x${size}, stride ${stride}, ${JSON.stringify(padding)}`,
    {
      inputs: () => [normal(2, 9, 8, 3), normal(size, size, 3, 4)],
      f: (x: tf.Tensor4D, w: tf.Tensor4D) =>
        tf.conv2d(x, w, stride, padding, "NHWC", 1, padding === 2 ? "floor" : undefined),
    },
  ]),
);

/** On one tensor of normal numbers. */
export const one = (f: (x: tf.Tensor) => tf.Tensor, ...shape: number[]): Operation => ({
  inputs: () => [normal(...shape)],
  f,
});
const onPositive = (f: (x: tf.Tensor) => tf.Tensor): Operation => ({ inputs: () => [positive(3, 4)], f });
const two = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operation => ({
  inputs: () => [normal(2, 3, 4), positive(3, 1)],
  f,
});

/** Every operation that training uses, of up to four axes: webgl and webgpu do not slice more. */
export const operations: Readonly<Record<string, Operation>> = {
  ...convolutions,
  ...matMuls,
  add: two((a, b) => tf.add(a, b)),
  sub: two((a, b) => tf.sub(a, b)),
  mul: two((a, b) => tf.mul(a, b)),
  div: two((a, b) => tf.div(a, b)),
  // TensorFlow.js does not undo the broadcasting of these two in their gradients.
  maximum: {
    inputs: () => [normal(3, 4), normal(3, 4)],
    f: (a: tf.Tensor, b: tf.Tensor) => tf.maximum(a, b),
  },
  minimum: {
    inputs: () => [normal(3, 4), normal(3, 4)],
    f: (a: tf.Tensor, b: tf.Tensor) => tf.minimum(a, b),
  },
  square: one((x) => tf.square(x), 3, 4),
  exp: one((x) => tf.exp(x), 3, 4),
  abs: one((x) => tf.abs(x), 3, 4),
  relu: one((x) => tf.relu(x), 3, 4),
  sigmoid: one((x) => tf.sigmoid(x), 3, 4),
  tanh: one((x) => tf.tanh(x), 3, 4),
  clipByValue: one((x) => tf.clipByValue(x, -0.5, 0.7), 3, 4),
  sqrt: onPositive((x) => tf.sqrt(x)),
  rsqrt: onPositive((x) => tf.rsqrt(x)),
  log: onPositive((x) => tf.log(x)),
  reciprocal: onPositive((x) => tf.reciprocal(x)),
  softmax: one((x) => tf.softmax(x), 2, 3, 5),
  logSoftmax: one((x) => tf.logSoftmax(x), 3, 5),
  "sum of an axis": one((x) => tf.sum(x, [1, 2]), 2, 3, 4, 5),
  "mean of an axis": one((x) => tf.mean(x, [0, 2], true), 2, 3, 4, 5),
  "max of an axis": one((x) => tf.max(x, -1), 3, 7),
  moments: one((x) => tf.moments(x, [0, 1, 2]).variance, 2, 3, 4, 5),
  reshape: one((x) => tf.mul(tf.reshape(x, [6, 4]), 2), 2, 3, 4),
  transpose: one((x) => tf.transpose(x, [2, 0, 3, 1]), 2, 3, 4, 5),
  pad: one((x) => tf.pad(x, [[0, 0], [1, 2], [2, 0], [0, 1]]), 2, 3, 4, 5), // prettier-ignore
  reverse: one((x) => tf.reverse(x, [0, 1]), 3, 4, 2),
  tile: one((x) => tf.tile(x, [2, 1, 3]), 2, 3, 4),
  "tile of long rows": one((x) => tf.tile(x, [1, 3, 2]), 2, 3, 40),
  broadcastTo: one((x) => tf.broadcastTo(x, [2, 3, 4]), 3, 1),
  slice: one((x) => tf.slice(x, [0, 1, 2, 1], [-1, 2, 2, 3]), 2, 3, 4, 5),
  "slice of the last axis": one((x) => tf.slice(x, [0, 0, 30], [-1, -1, 33]), 2, 3, 64),
  "slice of the first axis": one((x) => tf.slice(x, [1], [2]), 4, 3, 5),
  "slice of a vector": one((x) => tf.slice(x, [3], [4]), 9),
  split: one((x) => tf.concat([...tf.split(x, [1, 3, 2], 1)].reverse(), 1), 2, 6, 3),
  "stack, unstack": one((x) => tf.stack([...tf.unstack(x, 1)].reverse(), 2), 2, 3, 4),
  "concat of channels": {
    inputs: () => [normal(2, 3, 3, 4), normal(2, 3, 3, 20)],
    f: (a: tf.Tensor, b: tf.Tensor) => tf.concat([a, b], 3),
  },
  "concat of many": {
    inputs: () => Array.from({ length: 23 }, (_, i) => normal(2, i + 1)),
    f: (...parts: tf.Tensor[]) => tf.concat(parts, 1),
  },
  "concat with nothing": {
    inputs: () => [normal(2, 0, 3), normal(2, 2, 3), normal(2, 1, 3)],
    f: (...parts: tf.Tensor[]) => tf.concat(parts, 1),
  },
  gather: one((x) => tf.gather(x, tf.tensor1d([3, 0, 3, 1], "int32")), 4, 5),
  "gather along an axis": one((x) => tf.gather(x, tf.tensor1d([2, 2, 0], "int32"), 1), 2, 3, 4),
  where: one((x) => tf.where(tf.tensor1d([1, 0, 1, 0], "bool"), x, tf.zerosLike(x)), 3, 4),
  "a mask": one((x) => tf.mul(x, tf.tensor([0, 2, 2, 0])), 3, 4),
  avgPool: one((x) => tf.avgPool(x as tf.Tensor4D, 2, 2, "valid"), 2, 4, 6, 3),
  maxPool: one((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"), 2, 4, 6, 3),
  "maxPool, same, overlapping": one((x) => tf.maxPool(x as tf.Tensor4D, 3, 2, "same"), 2, 5, 5, 3),
  "maxPool of negative values": one((x) => tf.maxPool(tf.sub<tf.Tensor4D>(tf.neg(tf.abs(x)), 1), 3, 1, "same"), 1, 5, 5, 2), // prettier-ignore
  "batch norm": {
    inputs: () => [normal(3, 4, 4, 5), normal(5), normal(5)],
    f: (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gamma), beta);
    },
  },
  addN: {
    inputs: () => Array.from({ length: 23 }, () => normal(3, 4)),
    f: (...parts: tf.Tensor[]) => tf.addN(parts),
  },
  neg: one((x) => tf.neg(x), 3, 4),
  logSumExp: one((x) => tf.logSumExp(x, -1), 3, 5),
  "sum of many": one((x) => tf.sum(tf.square(x), -1), 3, 4001),
  "mean of many": one((x) => tf.mean(tf.square(x)), 70, 90, 3),
  conv2dTranspose: {
    inputs: () => [normal(2, 4, 3, 5), normal(4, 4, 2, 5)],
    f: (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2dTranspose(x, w, [2, 8, 6, 2], 2, "same"),
  },
  "matMul of two shapes of one data": one((x) => tf.matMul(x, tf.reshape(x, [6, 4])), 4, 6),
  "fused.matMul": {
    inputs: () => [normal(3, 4), normal(5, 4), normal(5)],
    f: (a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.matMul({ a, b, transposeB: true, bias, activation: "sigmoid" }),
  },
};

/** The operation's value and the gradients of its sum, weighted so that no two outputs count the same. */
export async function evaluate({ f }: Operation, inputs: tf.Tensor[]): Promise<Float32Array[]> {
  const results = tf.tidy(() => {
    const call = f as (...all: tf.Tensor[]) => tf.Tensor;
    const value = call(...inputs);
    const weights = tf.tensor(
      Float32Array.from({ length: value.size }, (_, i) => Math.cos(i)),
      value.shape,
    );
    return [value, ...tf.grads((...all) => tf.sum(tf.mul(call(...all), weights)))(inputs)];
  });
  const values = await Promise.all(results.map((result) => result.data<"float32">()));
  tf.dispose(results);
  return values.map((each) => each.slice());
}
