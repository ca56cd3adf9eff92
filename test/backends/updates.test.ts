import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adam, clipByGlobalNorm, createRng, sgd, updateEma, useBackend } from "../../src/index.js";
import type { Optimizer } from "../../src/index.js";

// What training does to weights, in one kernel each on wasm: the same bits as the composed formulas on the same engine.

const SHAPES = [[], [1], [3], [4], [7, 3], [3, 3, 5, 8], [1001]];
const KERNELS = ["Adam", "Sgd", "Ema", "SumOfSquares", "Scale"];

const draw = (seed: number): Float32Array[] =>
  SHAPES.map((shape, i) => createRng(seed + i).normals(tf.util.sizeFromShape(shape)));
const weights = draw(1);
const gradients = [draw(100), draw(200), draw(300)];

const named = <T>(make: (shape: number[], i: number) => T): Record<string, T> =>
  Object.fromEntries(SHAPES.map((shape, i) => [`w${i}`, make(shape, i)]));
const variables = () =>
  named<tf.Variable>((shape, i) => tf.tidy(() => tf.variable(tf.tensor(weights[i]!, shape))));
const tensors = (values: Float32Array[]) => named((shape, i) => tf.tensor(values[i]!, shape));

async function read(entries: Record<string, tf.Tensor>): Promise<Float32Array[]> {
  return Promise.all(Object.values(entries).map(async (tensor) => (await tensor.data<"float32">()).slice()));
}

/** Runs `f` with the kernels, and with what they replace. */
async function both<T>(f: () => Promise<T>): Promise<{ fused: T; composed: T }> {
  const fused = await f();
  const kernels = KERNELS.map((name) => tf.getKernel(name, "wasm"));
  for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, "wasm");
  const composed = await f();
  for (const kernel of kernels) tf.registerKernel(kernel);
  return { fused, composed };
}

let before = 0;
beforeAll(async () => {
  await useBackend("wasm");
  before = tf.memory().numTensors;
});
afterAll(() => {
  expect(tf.memory().numTensors).toBe(before);
});

// The engine's own convolutions keep packed weights by the tensor; dilated ones are still its own.
it("what the engine has kept of a weight is forgotten when it changes in place", async () => {
  const { x, filter } = tf.tidy(() => ({
    x: tf.ones<tf.Rank.R4>([1, 5, 5, 1]),
    filter: tf.variable<tf.Rank.R4>(tf.ones([3, 3, 1, 1])),
  }));
  const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
  const grads = { filter: tf.fill(filter.shape, 0.25) };
  const sums: number[] = [];
  for (let step = 0; step < 4; step++) {
    const y = tf.conv2d(x, filter, 1, "valid", "NHWC", 2);
    sums.push((await y.data())[0]!);
    y.dispose();
    optimizer.apply({ filter }, grads);
  }
  expect(sums).toEqual([9, 6.75, 3.375, -0.5625]);
  tf.dispose([x, filter, grads]);
  optimizer.dispose();
});

describe("an optimiser in one kernel", () => {
  const settings: [string, () => Optimizer][] = [
    ["Adam", () => adam({ learningRate: 0.01 })],
    ["AdamW", () => adam({ learningRate: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 1e-3 })],
    ["Adam with l2", () => adam({ learningRate: 0.01, l2: 0.02 })],
    ["SGD", () => sgd({ learningRate: 0.1 })],
    ["SGD with momentum", () => sgd({ learningRate: 0.1, momentum: 0.9 })],
    ["SGD with momentum and l2", () => sgd({ learningRate: 0.1, momentum: 0.9, l2: 5e-4 })],
  ];
  it.each(settings)(
    "%s gives the bits of the composed formulas, and changes nothing in place",
    async (_, make) => {
      const run = async () => {
        const [params, optimizer] = [variables(), make()];
        const clones = named((_shape, i) => params[`w${i}`]!.clone());
        for (const values of gradients) {
          const grads = tensors(values);
          optimizer.apply(params, grads);
          tf.dispose(grads);
        }
        const state = await optimizer.state();
        const result = { weights: await read(params), clones: await read(clones), state };
        optimizer.dispose();
        tf.dispose([params, clones]);
        return result;
      };
      const { fused, composed } = await both(run);
      expect(fused).toEqual(composed);
      expect(fused.clones).toEqual(weights);
      expect(fused.weights).not.toEqual(weights);
    },
  );
});

describe("other work on weights in one kernel", () => {
  it("averages weights to the same bits", async () => {
    const { fused, composed } = await both(async () => {
      const [ema, params] = [variables(), variables()];
      tf.tidy(() => {
        Object.values(params).forEach((weight, i) => {
          weight.assign(tf.tensor(gradients[0]![i]!, weight.shape));
        });
      });
      updateEma(ema, params, 0.9);
      const result = { ema: await read(ema), params: await read(params) };
      tf.dispose([ema, params]);
      return result;
    });
    expect(fused).toEqual(composed);
    expect(fused.params).toEqual(gradients[0]);
  });

  it("clips by a norm that is exact to float32", async () => {
    const { fused, composed } = await both(async () => {
      const grads = tensors(gradients[0]!);
      const clipped = clipByGlobalNorm(grads, 1);
      const result = { norm: (await clipped.norm.data())[0]!, grads: await read(clipped.grads) };
      tf.dispose([grads, clipped.norm, clipped.grads]);
      return result;
    });
    const squares = gradients[0]!.flatMap((values) => Array.from(values, (x) => x * x));
    const exact = Math.sqrt(squares.reduce((a, b) => a + b, 0));
    expect(Math.abs(fused.norm / exact - 1)).toBeLessThan(2e-7);
    fused.grads.forEach((grad, i) => {
      grad.forEach((value, k) => {
        expect(Math.abs(value - composed.grads[i]![k]!)).toBeLessThan(1e-6 * Math.abs(value) + 1e-12);
        expect(Math.abs(value * exact - gradients[0]![i]![k]!)).toBeLessThan(1e-5);
      });
    });
  });
});
