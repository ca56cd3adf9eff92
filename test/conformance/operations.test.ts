// Every operation that training uses, and what this library composes of them or has kernels for: values and gradients,
// on every engine against cpu, and on cpu against finite differences. Convolutions also against sums in float64.
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";
import { cases, disposeStatistics, distance, draw, evaluateCase } from "../support/compositions.js";
import { evaluate, one, operations } from "../support/operations.js";
import { engine, full, onEngine, sample, start } from "./engine.js";

onEngine();
beforeAll(() => {
  if (engine === "webgpu") tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", -1); // TensorFlow.js picks
});

const rng = createRng(4);

/** The graphics engines of TensorFlow.js slice up to four axes, which is more than this library does. */
const offered = ["webgl", "webgpu"].includes(engine)
  ? operations
  : {
      ...operations,
      "slice of five axes": one((x) => tf.slice(x, [0, 1, 0, 1, 0], [2, 1, 3, 1, 2]), 2, 3, 3, 2, 3),
    };

function expectAllClose(
  actual: readonly Float32Array[],
  expected: readonly ArrayLike<number>[],
  tolerance: number,
): void {
  expected.forEach((each, i) => {
    expect(distance(actual[i]!, each), `output ${i}`).toBeLessThanOrEqual(tolerance); // NaN fails too
  });
}

const isReference = engine === "cpu";
/** In software a graphics engine compiles a program for every operation. */
const isGraphics = engine === "webgl" || engine === "webgpu";
const compared = isGraphics ? sample(Object.entries(offered), 16) : Object.entries(offered);

describe.each(isReference ? [] : compared)("%s", (_, operation) => {
  it("is what cpu computes, twice bit for bit, and leaks nothing", async () => {
    await useBackend("cpu");
    const inputs = operation.inputs();
    const values = await Promise.all(inputs.map(async (input) => (await input.data<"float32">()).slice()));
    const expected = await evaluate(operation, inputs);
    await start();
    const there = inputs.map((input, i) => tf.tensor(values[i]!, input.shape));
    const before = tf.memory();
    const first = await evaluate(operation, there);
    const second = await evaluate(operation, there);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    expectAllClose(first, expected, 3e-6);
    expect(second).toEqual(first);
    tf.dispose([inputs, there]);
  });
});

it.each(isReference ? [] : sample(cases, 12))("$name is what cpu computes", async (composition) => {
  await useBackend("cpu");
  const { inputs, dy } = draw(composition);
  const expected = await evaluateCase(composition, inputs, dy);
  await start();
  expectAllClose(await evaluateCase(composition, inputs, dy), expected, 3e-6);
  disposeStatistics();
});

const step = 1e-3;
/** The sum of an operation's outputs, weighted as `evaluate` does, at `inputs` moved along `direction`. */
async function movedSum(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly { values: Float32Array; shape: number[] }[],
  direction: readonly Float32Array[],
  by: number,
): Promise<number> {
  const output = tf.tidy(() =>
    f(
      ...inputs.map(({ values, shape }, i) =>
        tf.tensor(
          values.map((x, k) => x + by * direction[i]![k]!),
          shape,
        ),
      ),
    ),
  );
  const values = await output.data<"float32">();
  output.dispose();
  return values.reduce((sum, y, i) => sum + Math.cos(i) * y, 0);
}

it.each(isReference ? Object.entries(offered) : [])(
  "%s has the gradient of finite differences",
  async (_, operation) => {
    const tensors = operation.inputs();
    const f = operation.f as (...inputs: tf.Tensor[]) => tf.Tensor;
    const inputs = await Promise.all(
      tensors.map(async (tensor) => ({
        values: (await tensor.data<"float32">()).slice(),
        shape: tensor.shape,
      })),
    );
    const [, ...gradients] = await evaluate(operation, tensors);
    const direction = inputs.map(({ values }) => rng.normals(values.length));
    const slopes = await Promise.all([step, -step].map((by) => movedSum(f, inputs, direction, by)));
    const measured = (slopes[0]! - slopes[1]!) / (2 * step);
    const products = gradients.flatMap((grad, i) => Array.from(grad, (g, k) => g * direction[i]![k]!));
    const size = Math.hypot(...products);
    const exact = products.reduce((sum, product) => sum + product, 0);
    expect(Math.abs(measured - exact)).toBeLessThanOrEqual(5e-3 * Math.max(1, size));
    tf.dispose(tensors);
  },
);

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

/** oneDNN has the gradient of the image wrong in the first, that of the filter in the second (TensorFlow 2.21). */
const treacherous = [
  { batch: 1, height: 4, width: 3, inputs: 1, outputs: 1, size: 5, stride: 1, border: 1 },
  { batch: 2, height: 8, width: 8, inputs: 3, outputs: 8, size: 1, stride: 2, border: 0 },
];

/** wasm computes these in tiles of 4 x 4 outputs: whole and ragged ones, with borders and without. */
const tiled = [
  { batch: 2, height: 8, width: 8, inputs: 16, outputs: 20, size: 3, stride: 1, border: 1 },
  { batch: 1, height: 17, width: 14, inputs: 20, outputs: 16, size: 3, stride: 1, border: 2 },
  { batch: 1, height: 12, width: 15, inputs: 16, outputs: 16, size: 3, stride: 1, border: 0 },
];

describe("any convolution", () => {
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
        expectAllClose([y!, dx!, dw!] as Float32Array[], [expected.y, expected.dx, expected.dw], 2e-6);
      }),
      { numRuns: full ? 60 : 10, seed: 1, examples: [...treacherous, ...tiled].map((shape) => [shape]) },
    );
  });
});
