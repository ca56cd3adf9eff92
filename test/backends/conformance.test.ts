import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";
import { evaluate, one, operations } from "../support/operations.js";

// Every operation that training uses, on wasm against cpu: values and gradients, from one table. The convolutions
// and the gradients that this library wrote for cpu as well are held against sums in float64 and finite differences.

const rng = createRng(4);

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  const error = Math.max(0, ...Array.from(actual, (value, i) => Math.abs(value - expected[i]!)));
  expect(error).toBeLessThanOrEqual(tolerance * scale); // NaN fails too
}

const withOwn = {
  ...operations,
  "slice of five axes": one((x) => tf.slice(x, [0, 1, 0, 1, 0], [2, 1, 3, 1, 2]), 2, 3, 3, 2, 3),
};

describe.each(Object.entries(withOwn))("%s", (_, operation) => {
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
