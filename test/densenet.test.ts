import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRng, disposeParams, noise, valueAndGrads } from "../src/index.js";
import { densenet, densenetSpecs, type DenseNetOptions } from "../src/models/densenet.js";
import {
  finiteDifferences,
  naiveLoss,
  naiveDenseNet,
  readWeights,
  stir,
  tensorLoss,
} from "./support/naive-classifiers.js";

let before = 0;
beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});
beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors, "tensors left behind").toBe(before);
});

const train = { train: { rng: createRng(0) } };

/** Everything within `tolerance` of the largest expected number. */
function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  expect(actual.length, what).toBe(expected.length);
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!) / largest, `${what} ${i}`).toBeLessThan(tolerance);
  }
}

const small = { growth: 2, blocks: [2, 1], stem: 3, classes: 3, imageChannels: 2 };
const variants: [string, DenseNetOptions][] = [
  ["two blocks", small],
  ["three blocks", { ...small, blocks: [1, 1, 1] }],
];

describe.each(variants)("%s", (_, options) => {
  const network = densenet(options);
  const { imageChannels } = network.config;
  // Odd sizes: what is halved is rounded as PyTorch rounds it.
  const images = () => noise([1, 2], [5, 4, imageChannels]);
  const naiveImages = async () => {
    const x = images();
    const data = Float64Array.from(await x.data());
    x.dispose();
    return { shape: [2, 5, 4, imageChannels], data };
  };

  test.each([
    ["inference", {}],
    ["training", train],
  ])("in %s mode gives what loops in float64 give", async (mode, applyOptions) => {
    const params = stir(network.init(createRng(1)));
    const weights = await readWeights(params);
    const x = images();
    const { logits, features } = network.apply(params, x, applyOptions);
    const expected = naiveDenseNet(network.config, weights, await naiveImages(), {
      train: mode === "training",
    });
    expect(logits.shape).toEqual([2, options.classes]);
    expectClose(await logits.data(), expected.logits, 2e-5, "logits");
    expectClose(await features.data(), expected.features, 2e-5, "features");
    tf.dispose([x, logits, features]);
    disposeParams(params);
  });

  test("frozen, passes the gradient by the images and does not change", async () => {
    const params = stir(network.init(createRng(1)));
    const weights = await readWeights(params);
    const x = images();
    const gradient = tf.tidy(() =>
      tf.grad((z: tf.Tensor) => tensorLoss(network.apply(params, z as tf.Tensor4D)))(x),
    );
    const pixels = await naiveImages();
    const loss = () => naiveLoss(naiveDenseNet(network.config, weights, pixels));
    expectClose(await gradient.data(), finiteDifferences(loss, pixels.data), 2e-4, "pixel");
    expect(await readWeights(params)).toEqual(weights);
    tf.dispose([x, gradient]);
    disposeParams(params);
  });

  test("in training mode has the gradients of all weights and moves all statistics", async () => {
    const params = stir(network.init(createRng(1)));
    const weights = await readWeights(params);
    const x = images();
    const { terms, grads } = valueAndGrads(
      () => ({ loss: tensorLoss(network.apply(params, x, train)) }),
      params,
    );
    const pixels = await naiveImages();
    const loss = () => naiveLoss(naiveDenseNet(network.config, weights, pixels, { train: true }));
    const isStatistic = (name: string) => name.includes("running_");
    expect(Object.keys(grads)).toEqual(Object.keys(weights).filter((name) => !isStatistic(name)));
    for (const [name, gradient] of Object.entries(grads)) {
      const expected = finiteDifferences(loss, weights[name]!.data, 10);
      expectClose((await gradient.data()).slice(0, 10), expected, 1e-3, name);
    }
    const moved = await readWeights(params);
    for (const [name, { data }] of Object.entries(moved)) {
      if (isStatistic(name)) expect(data, name).not.toEqual(weights[name]!.data);
      else expect(data, name).toEqual(weights[name]!.data);
    }
    tf.dispose([x, terms, grads]);
    disposeParams(params);
  });

  test("is made again by its config, also through JSON", () => {
    expect(densenet(JSON.parse(JSON.stringify(network.config)) as DenseNetOptions).config).toEqual(
      network.config,
    );
  });
});

/** Trainable numbers, from the shapes alone. */
function count(options: DenseNetOptions): number {
  const specs = Object.entries(densenetSpecs(densenet(options).config));
  const sizes = specs.map(([name, { shape }]) =>
    name.includes("running_") ? 0 : shape.reduce((product, size) => product * size, 1),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

// Counted by PyTorch 2.13 in the authors' code: sum(p.numel() for p in densenet121(num_classes=10).parameters())
test.each([
  [121, 6_956_426, 1024],
  [169, 12_493_450, 1664],
  [201, 18_104_458, 1920],
] as const)("DenseNet-%i has %i parameters and %i features", (depth, parameters, features) => {
  expect(count({ depth, classes: 10 })).toBe(parameters);
  const { config } = densenet({ depth, classes: 10 });
  expect(densenetSpecs(config)["fc.weight"]!.shape).toEqual([features, 10]);
});

test("inference holds as few tensors at a time in a deep network as in a shallow one", () => {
  const peak = (layers: number) => {
    const network = densenet({ ...small, blocks: [layers] });
    const params = network.init(createRng(0));
    const images = noise([1], [4, 4, 2]);
    const most = mostTensors(() => {
      const { logits, features } = network.apply(params, images);
      tf.dispose([logits, features]);
    });
    images.dispose();
    disposeParams(params);
    return most;
  };
  expect(peak(12)).toBe(peak(3));
});

/** The most tensors alive at once during `f`, beyond those there before. */
function mostTensors(f: () => void): number {
  const start = tf.memory().numTensors;
  let most = 0;
  const engine = tf.engine() as unknown as { trackTensor: (...rest: unknown[]) => void };
  const track = engine.trackTensor.bind(engine);
  engine.trackTensor = (...rest) => {
    track(...rest);
    most = Math.max(most, tf.memory().numTensors - start);
  };
  f();
  engine.trackTensor = track;
  return most;
}

test("starts as the authors' code does: variance 2 / fanIn, scales 1", async () => {
  const network = densenet({ growth: 16, blocks: [1], stem: 8, classes: 10 });
  const params = network.init(createRng(3));
  const weights = await readWeights(params);
  // conv2: 64 channels to 16 by 3x3, 9,216 draws; fanIn 576 and not fanOut 144.
  const kernel = weights["block1.denselayer1.conv2.weight"]!.data;
  const deviation = Math.sqrt(kernel.reduce((sum, v) => sum + v * v, 0) / kernel.length);
  expect(deviation / Math.sqrt(2 / 576)).toBeCloseTo(1, 1.6);
  expect([...weights["final_norm.weight"]!.data]).toEqual(new Array(24).fill(1));
  disposeParams(params);
});

test("refuses options that cannot be, naming them", () => {
  const wrong = (options: object) => () => densenet(options as DenseNetOptions);
  expect(wrong({ depth: 161, classes: 10 })).toThrow(
    "densenet: expected depth among 121, 169, 201, got 161.",
  );
  expect(wrong({ depth: 121, classes: 10, stem: 8 })).toThrow(
    "densenet: expected options among depth, classes, imageChannels, got stem.",
  );
  expect(wrong({ ...small, width: 2 })).toThrow(/densenet: expected options among .*, got width\./);
  expect(wrong({ ...small, growth: 0 })).toThrow(
    "densenet: expected growth to be a positive integer, got 0.",
  );
  expect(wrong({ ...small, stem: undefined })).toThrow("stem to be a positive integer, got undefined.");
  expect(wrong({ ...small, blocks: 3 })).toThrow(
    "densenet: expected blocks to list one number a stage, got 3.",
  );
  expect(wrong({ ...small, type: "resnet" })).toThrow('densenet: expected type "densenet", got resnet.');
});

test("refuses images that are too small or of other channels", () => {
  const network = densenet({ ...small, blocks: [1, 1, 1] });
  const params = network.init(createRng(0));
  const [low, grey] = [noise([1], [3, 8, 2]), noise([1], [8, 8, 1])];
  expect(() => network.apply(params, low)).toThrow(
    "densenet.apply: expected images of at least 4x4 pixels, got a tensor of shape [1, 3, 8, 2].",
  );
  expect(() => network.apply(params, grey)).toThrow("densenet.apply: expected images of 2 channels");
  tf.dispose([low, grey]);
  disposeParams(params);
});
