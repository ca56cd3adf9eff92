import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRng, disposeParams, noise, valueAndGrads } from "../src/index.js";
import { resnet, resnetSpecs, type ResNetOptions } from "../src/models/resnet.js";
import {
  finiteDifferences,
  naiveLoss,
  naiveResNet,
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

const small = { blocks: [1, 1], width: 2, classes: 3, imageChannels: 2 };
const variants: [string, ResNetOptions][] = [
  ["projection shortcuts", small],
  ["bottlenecks", { ...small, bottleneck: true }],
  ["option A shortcuts", { ...small, blocks: [2, 2], shortcut: "pad" }],
];

describe.each(variants)("%s", (_, options) => {
  const network = resnet(options);
  const { imageChannels } = network.config;
  // Odd sizes: what is halved is rounded as PyTorch rounds it.
  const images = () => noise([1, 2], [5, 3, imageChannels]);
  const naiveImages = async () => {
    const x = images();
    const data = Float64Array.from(await x.data());
    x.dispose();
    return { shape: [2, 5, 3, imageChannels], data };
  };

  test.each([
    ["inference", {}],
    ["training", train],
  ])("in %s mode gives what loops in float64 give", async (mode, applyOptions) => {
    const params = stir(network.init(createRng(1)));
    const weights = await readWeights(params);
    const x = images();
    const { logits, features } = network.apply(params, x, applyOptions);
    const expected = naiveResNet(network.config, weights, await naiveImages(), {
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
    const loss = () => naiveLoss(naiveResNet(network.config, weights, pixels));
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
    const loss = () => naiveLoss(naiveResNet(network.config, weights, pixels, { train: true }));
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
    expect(resnet(JSON.parse(JSON.stringify(network.config)) as ResNetOptions).config).toEqual(
      network.config,
    );
  });
});

/** Trainable numbers, from the shapes alone. */
function count(options: ResNetOptions): number {
  const specs = Object.entries(resnetSpecs(resnet(options).config));
  const sizes = specs.map(([name, { shape }]) =>
    name.includes("running_") ? 0 : shape.reduce((product, size) => product * size, 1),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

// Counted by PyTorch 2.13 in the authors' code: sum(p.numel() for p in resnet18(num_classes=10).parameters())
test.each([
  [18, 11_173_962, 512],
  [34, 21_282_122, 512],
  [50, 23_520_842, 2048],
] as const)("ResNet-%i has %i parameters and %i features", (depth, parameters, features) => {
  expect(count({ depth, classes: 10 })).toBe(parameters);
  const { config } = resnet({ depth, classes: 10 });
  expect(resnetSpecs(config)["fc.weight"]!.shape).toEqual([features, 10]);
});

test("depth 18 is written out", () => {
  expect(resnet({ depth: 18, classes: 10 }).config).toEqual({
    type: "resnet",
    blocks: [2, 2, 2, 2],
    width: 64,
    bottleneck: false,
    shortcut: "projection",
    classes: 10,
    imageChannels: 3,
  });
});

test("starts as the authors' code does: variance 2 / fanOut, scales 1, the head within 1 / sqrt(width)", async () => {
  const network = resnet({ blocks: [1], width: 32, classes: 10 });
  const [params, again] = [network.init(createRng(3)), network.init(createRng(3))];
  const weights = await readWeights(params);
  expect(await readWeights(again)).toEqual(weights);
  const kernel = weights["layer1.0.conv1.weight"]!.data;
  const deviation = Math.sqrt(kernel.reduce((sum, v) => sum + v * v, 0) / kernel.length);
  // 9,216 draws: the deviation is within 2 % of the truth almost surely (its own is 0.74 %).
  expect(deviation / Math.sqrt(2 / (9 * 32))).toBeCloseTo(1, 1.6);
  // The first convolution tells fanOut 9 * 32 from fanIn 9 * 3.
  const first = weights["conv1.weight"]!.data;
  const firstDeviation = Math.sqrt(first.reduce((sum, v) => sum + v * v, 0) / first.length);
  expect(firstDeviation / Math.sqrt(2 / (9 * 32))).toBeCloseTo(1, 0.9);
  expect([...weights["bn1.weight"]!.data]).toEqual(new Array(32).fill(1));
  const bound = 1 / Math.sqrt(32);
  const largest = Math.max(...weights["fc.weight"]!.data.map(Math.abs));
  expect(largest).toBeLessThanOrEqual(bound);
  expect(largest).toBeGreaterThan(0.95 * bound);
  disposeParams(params);
  disposeParams(again);
});

test("refuses options that cannot be, naming them", () => {
  const wrong = (options: object) => () => resnet(options as ResNetOptions);
  const full = { blocks: [1], width: 4, classes: 2 };
  expect(wrong({ depth: 20, classes: 10 })).toThrow("resnet: expected depth among 18, 34, 50, got 20.");
  expect(wrong({ depth: 18 })).toThrow("resnet: expected classes to be a positive integer, got undefined.");
  expect(wrong({ depth: 18, classes: 10, width: 8 })).toThrow(
    "resnet: expected options among depth, classes, imageChannels, got width.",
  );
  expect(wrong({ ...full, dropout: 1 })).toThrow(/resnet: expected options among .*, got dropout\./);
  expect(wrong({ ...full, blocks: [] })).toThrow(
    "resnet: expected blocks to list one number a stage, got [].",
  );
  expect(wrong({ ...full, blocks: [1, 0] })).toThrow(
    "every entry of blocks to be a positive integer, got 0.",
  );
  expect(wrong({ ...full, width: 1.5 })).toThrow("resnet: expected width to be a positive integer, got 1.5.");
  expect(wrong({ ...full, bottleneck: 1 })).toThrow(
    "resnet: expected bottleneck to be true or false, got 1.",
  );
  expect(wrong({ ...full, shortcut: "A" })).toThrow(
    'resnet: expected shortcut "projection" or "pad", got A.',
  );
  expect(wrong({ ...full, shortcut: "pad", bottleneck: true })).toThrow("resnet: expected no bottleneck");
  expect(wrong({ ...full, shortcut: "pad", width: 3 })).toThrow("an even width");
  expect(wrong({ ...full, type: "densenet" })).toThrow('resnet: expected type "resnet", got densenet.');
});

test("refuses images and weights of another network", () => {
  const network = resnet(small);
  const params = network.init(createRng(0));
  const [images, grey] = [noise([1], [4, 4, 2]), noise([1], [4, 4, 1])];
  expect(() => network.apply(params, grey)).toThrow(
    "resnet.apply: expected images of 2 channels, got a tensor of shape [1, 4, 4, 1].",
  );
  const rest = Object.fromEntries(Object.entries(params).filter(([name]) => name !== "bn1.bias"));
  expect(() => network.apply(rest, images)).toThrow("resnet.apply: expected a parameter bn1.bias [2]");
  expect(() => resnet({ ...small, classes: 4 }).apply(params, images)).toThrow(
    "resnet.apply: expected fc.weight to have shape [4, 4], got a tensor of shape [4, 3].",
  );
  tf.dispose([images, grey]);
  disposeParams(params);
});
