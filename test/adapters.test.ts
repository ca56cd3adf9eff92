import * as tf from "@tensorflow/tfjs";
import { describe, expect, test } from "vitest";
import { createRng, noise, type Classifier, type Denoiser } from "../src/index.js";
import { fromGraphModel, fromLayersModel } from "../src/models/adapters.js";
import { untaped } from "../src/tape.js";
import { onCpuWithoutLeaks } from "./support/no-leaks.js";

onCpuWithoutLeaks();

type Symbolic = tf.SymbolicTensor;
const reshape = (input: Symbolic, ...targetShape: number[]) =>
  tf.layers.reshape({ targetShape }).apply(input) as Symbolic;

/** zt * time, plus 10 times the label's index for every pixel if there are classes. */
function layersDenoiser({ timeShape = [1], classes = 0 }: { timeShape?: number[]; classes?: number } = {}) {
  const inputs = [tf.input({ shape: [1, 2, 1] }), tf.input({ shape: timeShape })];
  const product = tf.layers.multiply().apply([inputs[0]!, reshape(inputs[1]!, 1, 1, 1)]) as Symbolic;
  if (classes === 0) return tf.model({ inputs, outputs: product });
  inputs.push(tf.input({ shape: [classes] }));
  const kernel = Array.from({ length: classes }, (_, i) => 10 * i);
  const dense = tf.layers.dense({ units: 1, useBias: false });
  const shift = dense.apply(inputs[2]!) as Symbolic;
  tf.tidy(() => {
    dense.setWeights([tf.tensor2d(kernel, [classes, 1])]);
  });
  const outputs = tf.layers.add().apply([product, reshape(shift, 1, 1, 1)]) as Symbolic;
  return tf.model({ inputs, outputs });
}

/** Batch norm, a convolution to two channels, ReLU, pooling ("pool"), a linear layer; weights drawn from a seed. */
function layersClassifier() {
  const images = tf.input({ shape: [4, 4, 1] });
  const normal = tf.layers.batchNormalization().apply(images) as Symbolic;
  const convolved = tf.layers
    .conv2d({ filters: 2, kernelSize: 3, activation: "relu" })
    .apply(normal) as Symbolic;
  const pool = tf.layers.globalAveragePooling2d({ name: "pool" }).apply(convolved) as Symbolic;
  const scores = tf.layers.dense({ units: 3, name: "scores" }).apply(pool) as Symbolic;
  const model = tf.model({ inputs: images, outputs: scores });
  const rng = createRng(5);
  tf.tidy(() => {
    model.setWeights(
      model.getWeights().map((weight) =>
        // Variances, like the others, away from zero.
        tf.tensor(
          rng.normals(weight.size).map((v) => Math.abs(v) + 0.1),
          weight.shape,
        ),
      ),
    );
  });
  return model;
}

type Node = { name: string; op: string; input?: string[]; attr: object };

/** A graph model from its nodes and constants, with no file in between. */
function graph(nodes: Node[], constants: Record<string, { shape: number[]; values: number[] }> = {}) {
  const weights = Object.entries(constants).map(([name, { shape, values }]) => ({ name, shape, values }));
  const attr = { dtype: { type: "DT_FLOAT" } };
  return tf.loadGraphModelSync({
    modelTopology: {
      node: [...weights.map(({ name }) => ({ name, op: "Const", attr })), ...nodes],
      versions: { producer: 1 },
    },
    weightSpecs: weights.map(({ name, shape }) => ({ name, shape, dtype: "float32" as const })),
    weightData: new Float32Array(weights.flatMap(({ values }) => values)).buffer,
  });
}

const T = { T: { type: "DT_FLOAT" } };

function placeholder(name: string, sizes: number[], type = "DT_FLOAT"): Node {
  const shape = { shape: { dim: sizes.map((size) => ({ size: String(size) })) } };
  return { name, op: "Placeholder", attr: { dtype: { type }, shape } };
}

/** features = relu(images as rows of 4, times a [4, 2]), logits = features times b [2, 3]. */
function graphClassifier() {
  return graph(
    [
      placeholder("images", [-1, 2, 2, 1]),
      { name: "rows", op: "Reshape", input: ["images", "size"], attr: T },
      { name: "first", op: "MatMul", input: ["rows", "a"], attr: T },
      { name: "features", op: "Relu", input: ["first"], attr: T },
      { name: "logits", op: "MatMul", input: ["features", "b"], attr: T },
    ],
    {
      size: { shape: [2], values: [-1, 4] },
      a: { shape: [4, 2], values: [1, -1, 2, 0.5, -3, 1, 0.25, 2] },
      b: { shape: [2, 3], values: [1, 2, 3, -1, 0, 1] },
    },
  );
}

const pixels = () => tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1]);

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

  test("refuses what does not fit", () => {
    const model = layersDenoiser();
    const options = { predictionType: "x0" } as const;
    const wanted = (message: string) => `fromLayersModel: expected ${message}`;
    expect(() => fromLayersModel(model, { ...options, classes: 2 })).toThrow(
      wanted("a model with 3 inputs (zt, times, labels), got 2 inputs."),
    );
    expect(() => fromLayersModel(model, { ...options, timeScale: 0 })).toThrow(
      wanted("timeScale to be a positive number, got 0."),
    );
    expect(() => fromLayersModel(model, { ...options, scale: 2 } as typeof options)).toThrow(
      wanted("options among predictionType, timeScale, classes, got scale."),
    );
    expect(() => fromLayersModel(model, {} as typeof options)).toThrow(
      wanted("options with predictionType, or with logits and features, got {}."),
    );
    expect(() => fromLayersModel(model, { predictionType: "mean" as "x0" })).toThrow("predictionType among");
    const zt = pixels();
    const denoiser = fromLayersModel(model, options);
    expect(() => denoiser(zt, [1, 1], [0, 0])).toThrow(
      wanted("no labels, as the options name no number of classes, got [0,0]."),
    );
    expect(() => denoiser(zt, [1])).toThrow("denoiser: expected 2 times, one per sample, got 1 times.");
    zt.dispose();
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

  test("refuses what does not fit", () => {
    const model = layersClassifier();
    expect(() => fromLayersModel(model, { logits: 1, features: "pool" })).toThrow(
      "fromLayersModel: expected an output below 1, got 1.",
    );
    expect(() => fromLayersModel(model, { logits: 0, features: "pol" })).toThrow(
      /fromLayersModel: expected a layer among .*, pool, scores, got pol\./,
    );
    expect(() => fromLayersModel(model, { logits: 0, features: "pool", mean: [0] })).toThrow(
      "both mean and std, or neither",
    );
    const images = noise([1], [4, 4, 1]);
    const convolved = model.layers[2]!.name;
    expect(() => fromLayersModel(model, { logits: 0, features: convolved })(images)).toThrow(
      "fromLayersModel: expected features [batch, width], got a tensor of shape [1, 2, 2, 2].",
    );
    images.dispose();
    model.dispose();
  });
});

describe("fromGraphModel", () => {
  const denoisingNodes = (type?: string, timeSizes = [-1, 1]) => [
    placeholder("zt", [-1, 1, 2, 1]),
    placeholder("time", timeSizes, type),
    { name: "shaped", op: "Reshape", input: ["time", "size"], attr: T },
    { name: "scale", op: "Cast", input: ["shaped"], attr: { DstT: { type: "DT_FLOAT" }, SrcT: { type } } },
    { name: "product", op: "Mul", input: ["zt", "scale"], attr: T },
  ];
  const size = { size: { shape: [4], values: [-1, 1, 1, 1] } };

  test.each([[[-1, 1]], [[-1]]])("is a denoiser that sees t * timeScale in shape %j", async (timeSizes) => {
    const model = graph(denoisingNodes("DT_FLOAT", timeSizes), size);
    const denoiser = fromGraphModel(model, { predictionType: "eps", timeScale: 8 });
    expect(await run(denoiser, [0.5, 1])).toEqual([4, 8, 24, 32]);
    model.dispose();
  });

  test("passes whole positions to a model that takes int32, and refuses others", async () => {
    const model = graph(denoisingNodes("DT_INT32"), size);
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

  test("refuses what does not fit", () => {
    const model = graphClassifier();
    expect(() => fromGraphModel(model, { logits: 2, features: "features" })).toThrow(
      "fromGraphModel: expected an output below 1, got 2.",
    );
    expect(() => fromGraphModel(model, { predictionType: "x0" })).toThrow(
      "fromGraphModel: expected a model with 2 inputs (zt, times), got 1 inputs.",
    );
    const two = graph(denoisingNodes(), size);
    expect(() => fromGraphModel(two, { logits: 0, features: 0 })).toThrow(
      "fromGraphModel: expected a model with one input, the images, got 2 inputs.",
    );
    two.dispose();
    const images = noise([1], [2, 2, 1]);
    const classify = fromGraphModel(model, { logits: 0, features: "feature" });
    expect(() => classify(images)).toThrow("feature");
    images.dispose();
    model.dispose();
  });
});
