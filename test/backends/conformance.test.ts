import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";

// Every operation that training uses, on wasm against cpu: values and gradients, from one table. The convolutions
// and the gradients that this library wrote for cpu as well are held against sums in float64 and finite differences.

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

interface Operation {
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

const one = (f: (x: tf.Tensor) => tf.Tensor, ...shape: number[]): Operation => ({
  inputs: () => [normal(...shape)],
  f,
});
const onPositive = (f: (x: tf.Tensor) => tf.Tensor): Operation => ({ inputs: () => [positive(3, 4)], f });
const two = (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operation => ({
  inputs: () => [normal(2, 3, 4), positive(3, 1)],
  f,
});

const operations: Record<string, Operation> = {
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
  "slice of five axes": one((x) => tf.slice(x, [0, 1, 0, 1, 0], [2, 1, 3, 1, 2]), 2, 3, 3, 2, 3),
  split: one((x) => tf.concat(tf.split(x, [1, 3, 2], 1).reverse(), 1), 2, 6, 3),
  "stack, unstack": one((x) => tf.stack(tf.unstack(x, 1).reverse(), 2), 2, 3, 4),
  "concat of channels": {
    inputs: () => [normal(2, 3, 3, 4), normal(2, 3, 3, 20)],
    f: (a: tf.Tensor, b: tf.Tensor) => tf.concat([a, b], 3),
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
  "avgPool, same": one((x) => tf.avgPool(x as tf.Tensor4D, 3, 2, "same"), 2, 5, 5, 3),
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
  "fused.matMul": {
    inputs: () => [normal(3, 4), normal(5, 4), normal(5)],
    f: (a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.matMul({ a, b, transposeB: true, bias, activation: "sigmoid" }),
  },
};

/** The operation's value and the gradients of its sum, weighted so that no two outputs count the same. */
async function evaluate({ f }: Operation, inputs: tf.Tensor[]): Promise<Float32Array[]> {
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

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  const error = Math.max(0, ...Array.from(actual, (value, i) => Math.abs(value - expected[i]!)));
  expect(error).toBeLessThanOrEqual(tolerance * scale); // NaN fails too
}

describe.each(Object.entries(operations))("%s", (_, operation) => {
  it("agrees on wasm with cpu, twice bit for bit, and leaks nothing", async () => {
    await useBackend("cpu");
    const inputs = operation.inputs();
    const values = await Promise.all(inputs.map(async (input) => (await input.data()).slice()));
    const expected = await evaluate(operation, inputs);
    await useBackend("wasm");
    const onWasm = inputs.map((input, i) => tf.tensor(values[i]!, input.shape));
    const before = tf.memory();
    const first = await evaluate(operation, onWasm);
    const second = await evaluate(operation, onWasm);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    expected.forEach((each, i) => {
      expectClose(first[i]!, each, 3e-6);
    });
    expect(second).toEqual(first);
    tf.dispose([inputs, onWasm]);
  });
});

interface Shape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride: number;
  readonly border: number;
}

/** A convolution and its gradients for output gradients `dy`, by their definition, in float64. */
function naiveConvolution(x: Float32Array, w: Float32Array, dy: Float32Array, shape: Shape) {
  const { batch, height, width, inputs, outputs, size, stride, border } = shape;
  const [rows, columns] = [height, width].map((n) => Math.floor((n + 2 * border - size) / stride) + 1) as [
    number,
    number,
  ];
  const y = new Float64Array(batch * rows * columns * outputs);
  const [dx, dw] = [new Float64Array(x.length), new Float64Array(w.length)];
  for (let out = 0; out < y.length; out++) {
    const [o, column] = [out % outputs, Math.floor(out / outputs) % columns];
    const row = Math.floor(out / outputs / columns) % rows;
    const b = Math.floor(out / outputs / columns / rows);
    for (let tap = 0; tap < size * size; tap++) {
      const i = row * stride - border + Math.floor(tap / size);
      const j = column * stride - border + (tap % size);
      if (i < 0 || j < 0 || i >= height || j >= width) continue;
      for (let c = 0; c < inputs; c++) {
        const from = ((b * height + i) * width + j) * inputs + c;
        const weight = (tap * inputs + c) * outputs + o;
        y[out]! += x[from]! * w[weight]!;
        dx[from]! += w[weight]! * dy[out % dy.length]!;
        dw[weight]! += x[from]! * dy[out % dy.length]!;
      }
    }
  }
  return { y, dx, dw, outShape: [batch, rows, columns, outputs] as [number, number, number, number] };
}

const shapes = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    inputs: fc.integer({ min: 1, max: 9 }),
    outputs: fc.integer({ min: 1, max: 9 }),
    size: fc.constantFrom(1, 2, 3, 5),
    stride: fc.integer({ min: 1, max: 3 }),
    border: fc.integer({ min: 0, max: 4 }),
  })
  .filter((s) => s.border < s.size && Math.min(s.height, s.width) + 2 * s.border >= s.size);

describe.each(["cpu", "wasm"] as const)("any convolution on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  it("has the values and gradients of its definition", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const { batch, height, width, inputs, outputs, size, stride, border } = shape;
        const x = rng.normals(batch * height * width * inputs);
        const w = rng.normals(size * size * inputs * outputs);
        const dy = rng.normals(97);
        const expected = naiveConvolution(x, w, dy, shape);
        const results = tf.tidy(() => {
          const convolve = (a: tf.Tensor4D, b: tf.Tensor4D) =>
            tf.conv2d(a, b, stride, border, "NHWC", 1, "floor");
          const count = tf.util.sizeFromShape(expected.outShape);
          const weights = tf.tensor4d(
            Float32Array.from({ length: count }, (_, i) => dy[i % 97]!),
            expected.outShape,
          );
          const arguments_: [tf.Tensor4D, tf.Tensor4D] = [
            tf.tensor4d(x, [batch, height, width, inputs]),
            tf.tensor4d(w, [size, size, inputs, outputs]),
          ];
          const gradients = tf.grads((a, b) =>
            tf.sum(tf.mul(convolve(a as tf.Tensor4D, b as tf.Tensor4D), weights)),
          )(arguments_);
          return [convolve(...arguments_), ...gradients];
        });
        const [y, dx, dw] = await Promise.all(results.map((result) => result.data()));
        tf.dispose(results);
        expectClose(y!, expected.y, 2e-6);
        expectClose(dx!, expected.dx, 2e-6);
        expectClose(dw!, expected.dw, 2e-6);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});
