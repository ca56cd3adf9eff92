import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import { batchNorm, batchNormRelu, batchNormSpecs } from "../../src/models/batch-norm.js";
import { initParams } from "../../src/models/params.js";
import { createRng, type Params } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const SHAPE: [number, number, number, number] = [2, 3, 2, 2];
const CHANNELS = 2;
const train = { train: { rng: createRng(0) } };

/** Two channels of twelve values each, well away from ReLU's corner. */
const values = () => createRng(1).normals(24);
const weights = {
  weight: [1.5, -0.7],
  bias: [0.2, 0.3],
  running_mean: [0.1, -0.4],
  running_var: [0.5, 2],
};

function someParams(): Params {
  return Object.fromEntries(
    Object.entries(weights).map(([key, numbers]) => [
      `bn.${key}`,
      tf.tidy(() => tf.variable(tf.tensor1d(numbers), !key.startsWith("running"))),
    ]),
  );
}

/** Batch norm by its definition, in float64; the statistics are those given or those of x. */
function naive(
  x: Float32Array,
  relu: boolean,
  statistics?: { mean: number[]; variance: number[] },
): number[] {
  const channel = (c: number) => [...x].filter((_, i) => i % CHANNELS === c);
  const mean = statistics?.mean ?? [0, 1].map((c) => average(channel(c)));
  const variance =
    statistics?.variance ?? [0, 1].map((c) => average(channel(c).map((v) => (v - mean[c]!) ** 2)));
  return [...x].map((v, i) => {
    const c = i % CHANNELS;
    const normal = (v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5);
    const y = normal * weights.weight[c]! + weights.bias[c]!;
    return relu ? Math.max(y, 0) : y;
  });
}

const average = (numbers: number[]) => numbers.reduce((sum, v) => sum + v, 0) / numbers.length;

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!), `entry ${i}`).toBeLessThan(tolerance);
  }
}

describe.each([
  ["batchNorm", batchNorm, false],
  ["batchNormRelu", batchNormRelu, true],
] as const)("%s", (_, normalise, relu) => {
  test("in inference mode takes the running statistics and leaves all weights alone", async () => {
    const params = someParams();
    const x = tf.tensor4d(values(), SHAPE);
    const y = normalise(x, params, "bn");
    const statistics = { mean: weights.running_mean, variance: weights.running_var };
    expectClose(await y.data(), naive(values(), relu, statistics));
    for (const [key, numbers] of Object.entries(weights)) {
      expect(await params[`bn.${key}`]!.array()).toEqual(numbers.map(Math.fround));
    }
    tf.dispose([x, y, Object.values(params)]);
  });

  test("in training mode takes the batch's statistics", async () => {
    const params = someParams();
    const x = tf.tensor4d(values(), SHAPE);
    const y = normalise(x, params, "bn", train);
    expectClose(await y.data(), naive(values(), relu));
    tf.dispose([x, y, Object.values(params)]);
  });

  test.each([
    ["inference", {}],
    ["training", train],
  ])("has the gradients of finite differences in %s mode", async (mode, options) => {
    const params = someParams();
    const x = tf.tidy(() => tf.variable(tf.tensor4d(values(), SHAPE)));
    const mix = tf.tensor4d(createRng(2).normals(24), SHAPE);
    const list = [x, params["bn.weight"]!, params["bn.bias"]!] as tf.Variable[];
    const loss = () => tf.sum(tf.mul(mix, tf.square(normalise(x as tf.Tensor4D, params, "bn", options)))).asScalar(); // prettier-ignore
    const { value, grads } = tf.variableGrads(loss, list);
    const exact = { x: values(), weight: weights.weight, bias: weights.bias };
    const [numericX, numericWeight, numericBias] = numericGradients(mode === "training", relu, await mix.data(), exact); // prettier-ignore
    expectClose(await grads[list[0]!.name]!.data(), numericX!, 1e-4);
    expectClose(await grads[list[1]!.name]!.data(), numericWeight!, 1e-4);
    expectClose(await grads[list[2]!.name]!.data(), numericBias!, 1e-4);
    tf.dispose([value, grads, mix, x, Object.values(params)]);
  });
});

/** Central differences, in float64, of sum(mix * y^2) by x, weight and bias. */
function numericGradients(
  training: boolean,
  relu: boolean,
  mix: ArrayLike<number>,
  at: { x: ArrayLike<number>; weight: number[]; bias: number[] },
): number[][] {
  const inputs = [Array.from(at.x), [...at.weight], [...at.bias]];
  const loss = () => {
    const [x, weight, bias] = inputs as [number[], number[], number[]];
    const channel = (c: number) => x.filter((_, i) => i % CHANNELS === c);
    const mean = training ? [0, 1].map((c) => average(channel(c))) : weights.running_mean;
    const variance = training
      ? [0, 1].map((c) => average(channel(c).map((v) => (v - mean[c]!) ** 2)))
      : weights.running_var;
    return x.reduce((sum, v, i) => {
      const c = i % CHANNELS;
      const y = ((v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * weight[c]! + bias[c]!;
      return sum + mix[i]! * (relu ? Math.max(y, 0) : y) ** 2;
    }, 0);
  };
  const step = 1e-6;
  return inputs.map((numbers) =>
    numbers.map((value, i) => {
      numbers[i] = value + step;
      const above = loss();
      numbers[i] = value - step;
      const below = loss();
      numbers[i] = value;
      return (above - below) / (2 * step);
    }),
  );
}

test("running statistics move by 0.1 towards the batch's mean and unbiased variance, once a forward pass", async () => {
  const params = someParams();
  // Channel 0 holds 1, 3: mean 2, unbiased variance 2. Channel 1 holds 4, 4: mean 4, variance 0.
  const x = tf.tensor4d([1, 4, 3, 4], [1, 2, 1, 2]);
  const { value, grads } = tf.variableGrads(
    () => tf.sum(batchNorm(x, params, "bn", train)).asScalar(),
    [params["bn.weight"]!],
  );
  // 0.9 * 0.1 + 0.1 * 2, 0.9 * -0.4 + 0.1 * 4
  expectClose(await params["bn.running_mean"]!.data(), [0.29, 0.04], 1e-7);
  // 0.9 * 0.5 + 0.1 * 2, 0.9 * 2 + 0.1 * 0
  expectClose(await params["bn.running_var"]!.data(), [0.65, 1.8], 1e-6);
  tf.dispose([x, value, grads, Object.values(params)]);
});

test("second derivatives by x are those of finite differences of the gradient", async () => {
  const params = someParams();
  const mix = tf.tensor4d(createRng(2).normals(24), SHAPE);
  const direction = tf.tensor4d(createRng(3).normals(24), SHAPE);
  const loss = (x: tf.Tensor) =>
    tf.sum(tf.mul(mix, tf.square(batchNorm(x as tf.Tensor4D, params, "bn", train)))).asScalar();
  const slope = (x: tf.Tensor) => tf.sum(tf.mul(tf.grad(loss)(x), direction)).asScalar();
  const x = tf.tensor4d(values(), SHAPE);
  const along = tf.tidy(() => tf.grad(slope)(x));
  const step = 1e-2;
  const numeric = tf.tidy(() => {
    const shifted = (h: number) => tf.grad(loss)(tf.add(x, tf.mul(direction, h)));
    return tf.div(tf.sub(shifted(step), shifted(-step)), 2 * step);
  });
  const [a, b] = [await along.data(), await numeric.data()];
  const scale = Math.max(...Array.from(b, Math.abs));
  expectClose(a, b, 5e-3 * scale);
  tf.dispose([x, mix, direction, along, numeric, Object.values(params)]);
});

test("a new batch norm is the identity up to epsilon, and its statistics are not trained", async () => {
  const params = initParams(batchNormSpecs("bn", CHANNELS), createRng(0));
  expect(Object.entries(params).map(([name, v]) => [name, v.trainable])).toEqual([
    ["bn.weight", true],
    ["bn.bias", true],
    ["bn.running_mean", false],
    ["bn.running_var", false],
  ]);
  const x = tf.tensor4d(values(), SHAPE);
  const y = batchNorm(x, params, "bn");
  expectClose(await y.data(), values(), 2e-5);
  tf.dispose([x, y, Object.values(params)]);
});

test("errors name the layer", () => {
  const params = someParams();
  const x = tf.tensor4d([1, 2], [1, 1, 1, 2]);
  expect(() => batchNorm(x, params, "bn", train)).toThrow(
    "batchNorm: expected more than one value per channel in bn, in training mode, got a tensor of shape [1, 1, 1, 2].",
  );
  expect(() => batchNorm(x, params, "other")).toThrow("expected a parameter named other.weight");
  tf.dispose([x, Object.values(params)]);
});
