// Models of TensorFlow.js as denoisers and classifiers: values worked out by hand, gradients by finite differences.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import { createRng, noise, type Classifier, type Denoiser } from "../../src/index.js";
import { fromGraphModel, fromLayersModel } from "../../src/adapters/index.js";
import { untaped } from "../../src/autodiff/untaped.js";
import {
  denoisingNodes,
  graph,
  graphClassifier,
  layersClassifier,
  layersDenoiser,
  pixels,
  sizeOfTimes,
} from "../support/outside-models.js";
import { onEngine } from "./engine.js";

onEngine();

async function run(denoiser: Denoiser, times: number[], labels?: number[]): Promise<number[]> {
  const zt = pixels();
  const result = denoiser(zt, times, labels);
  const values = [...(await result.data())];
  expect(result.shape).toEqual(zt.shape);
  tf.dispose([zt, result]);
  return values;
}

describe("fromLayersModel as a denoiser", () => {
  test.each([[[1]], [[]]])("passes t * timeScale in the declared shape [B, %j]", async (timeShape) => {
    const model = layersDenoiser({ timeShape });
    const denoiser = fromLayersModel(model, { predictionType: "v", timeScale: 8 });
    expect(denoiser.predictionType).toBe("v");
    expect(await run(denoiser, [0.5, 1])).toEqual([4, 8, 24, 32]);
    model.dispose();
  });

  test("counts times as they are unless told a scale, and passes labels one-hot, -1 as zeros", async () => {
    const model = layersDenoiser({ classes: 3 });
    const denoiser = fromLayersModel(model, { predictionType: "eps", classes: 3 });
    expect(await run(denoiser, [1, 1], [2, -1])).toEqual([21, 22, 3, 4]);
    expect(await run(denoiser, [1, 1])).toEqual([1, 2, 3, 4]);
    const zt = pixels();
    expect(() => denoiser(zt, [1, 1], [0, 3])).toThrow("fromLayersModel: expected labels below 3, got 3");
    zt.dispose();
    model.dispose();
  });

  test("is differentiable by zt, and untaped it keeps nothing", async () => {
    const model = layersDenoiser();
    const denoiser = fromLayersModel(model, { predictionType: "x0" });
    const zt = pixels();
    const gradient = tf.grad((z) => {
      const teacher = untaped(() => denoiser(z as tf.Tensor4D, [0.25, 0.5]));
      return tf.sum(tf.mul(denoiser(z as tf.Tensor4D, [0.25, 0.5]), teacher));
    })(zt);
    // d/dz of (t z) * [t z], with the bracket constant: t^2 z
    expect([...(await gradient.data())]).toEqual([0.0625, 0.125, 0.75, 1]);
    tf.dispose([zt, gradient]);
    model.dispose();
  });
});

async function expectGradient(classify: Classifier, size: number): Promise<void> {
  const at = createRng(3).normals(size * size);
  const mixes = [createRng(4).normals(3), createRng(6).normals(2)] as const;
  const loss = (x: tf.Tensor) => {
    const { logits, features } = classify(x as tf.Tensor4D);
    const product = (values: Float32Array, rows: tf.Tensor) => tf.sum(tf.mul(tf.tensor1d(values), tf.square(rows))); // prettier-ignore
    return tf.add(product(mixes[0], logits), product(mixes[1], features)).asScalar();
  };
  const images = tf.tensor4d(at, [1, size, size, 1]);
  const gradient = tf.tidy(() => tf.grad(loss)(images));
  const exact = await gradient.data();
  const step = 1e-2;
  const shifted = async (i: number, by: number) => {
    const value = tf.tidy(() => loss(tf.tensor4d(at.map((v, j) => (i === j ? v + by : v)), [1, size, size, 1]))); // prettier-ignore
    const [number] = await value.data();
    value.dispose();
    return number!;
  };
  const largest = Math.max(...exact.map(Math.abs));
  expect(largest).toBeGreaterThan(0.01);
  for (let i = 0; i < at.length; i++) {
    const numeric = ((await shifted(i, step)) - (await shifted(i, -step))) / (2 * step);
    expect(Math.abs(exact[i]! - numeric), `pixel ${i}`).toBeLessThan(2e-2 * largest);
  }
  tf.dispose([images, gradient]);
}

describe("fromLayersModel as a classifier", () => {
  test("takes outputs by index and layers by name, scales images, and leaves the model alone", async () => {
    const model = layersClassifier();
    const weights = () => Promise.all(model.getWeights().map((weight) => weight.data()));
    const untouched = await weights();
    const options = { logits: 0, features: "pool", mean: [0.25], std: [0.5] };
    const classify = fromLayersModel(model, options);
    const images = noise([1, 2], [4, 4, 1]);
    const { logits, features } = classify(images);
    expect(logits.shape).toEqual([2, 3]);
    // ((x + 1) / 2 - 0.25) / 0.5 = x + 0.5
    const expected = tf.tidy(() => model.predict(tf.add(images, 0.5)) as tf.Tensor);
    const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(logits, expected))));
    expect((await difference.data())[0]).toBeLessThan(1e-6);
    const [kernel, bias] = model.getLayer("scores").getWeights() as [tf.Tensor2D, tf.Tensor1D];
    const linear = tf.tidy(() => tf.max(tf.abs(tf.sub(tf.add(tf.matMul(features, kernel), bias), logits))));
    expect((await linear.data())[0]).toBeLessThan(1e-6);
    expect(await weights()).toEqual(untouched);
    tf.dispose([images, logits, features, expected, difference, linear]);
    model.dispose();
  });

  test("passes the gradient of finite differences", async () => {
    const model = layersClassifier();
    await expectGradient(fromLayersModel(model, { logits: "scores", features: "pool" }), 4);
    model.dispose();
  });
});

describe("fromGraphModel", () => {
  test.each([[[-1, 1]], [[-1]]])("is a denoiser that sees t * timeScale in shape %j", async (timeSizes) => {
    const model = graph(denoisingNodes("DT_FLOAT", timeSizes), sizeOfTimes);
    const denoiser = fromGraphModel(model, { predictionType: "eps", timeScale: 8 });
    expect(await run(denoiser, [0.5, 1])).toEqual([4, 8, 24, 32]);
    model.dispose();
  });

  test("passes whole positions to a model that takes int32, and refuses others", async () => {
    const model = graph(denoisingNodes("DT_INT32"), sizeOfTimes);
    const denoiser = fromGraphModel(model, { predictionType: "eps", timeScale: 10 });
    // 0.7 * 10 is 7 in float64 and 0.3 * 10 is 3, though 0.7 and 0.3 are not exact.
    expect(await run(denoiser, [0.7, 0.3])).toEqual([7, 14, 9, 12]);
    const zt = pixels();
    expect(() => denoiser(zt, [0.7, 0.25])).toThrow(
      "fromGraphModel: expected integer t * timeScale, as the model takes int32, got 2.5.",
    );
    zt.dispose();
    model.dispose();
  });

  test("is a classifier by node names or output index, with the values of its definition", async () => {
    const model = graphClassifier();
    const classify = fromGraphModel(model, { logits: 0, features: "features" });
    const images = tf.tensor4d([1, 0, -1, 2], [1, 2, 2, 1]);
    const { logits, features } = classify(images);
    // [1, 0, -1, 2] a = [1 + 3 + 0.5, -1 - 1 + 4] = [4.5, 2]; times b = [2.5, 9, 15.5]
    expect([...(await features.data())]).toEqual([4.5, 2]);
    expect([...(await logits.data())]).toEqual([2.5, 9, 15.5]);
    tf.dispose([images, logits, features]);
    model.dispose();
  });

  test("passes the gradient of finite differences", async () => {
    const model = graphClassifier();
    await expectGradient(fromGraphModel(model, { logits: "logits", features: "features" }), 2);
    model.dispose();
  });
});
