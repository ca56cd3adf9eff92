import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";
import { createRng, disposeParams, noise } from "../../src/index.js";
import { resnet, resnetSpecs, type ResNetOptions } from "../../src/models/resnet.js";
import { classifierContract, countTrainable } from "../support/classifier-contract.js";
import { naiveResNet, readWeights } from "../support/naive-classifiers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const small = { blocks: [1, 1], width: 2, classes: 3, imageChannels: 2 };
const variants = {
  "projection shortcuts": resnet(small),
  bottlenecks: resnet({ ...small, bottleneck: true }),
  "option A shortcuts": resnet({ ...small, blocks: [2, 2], shortcut: "pad" }),
};

classifierContract(variants, naiveResNet);

// Counted by PyTorch 2.13 in the authors' code: sum(p.numel() for p in resnet18(num_classes=10).parameters())
test.each([
  [18, 11_173_962, 512],
  [34, 21_282_122, 512],
  [50, 23_520_842, 2048],
] as const)("ResNet-%i has %i parameters and %i features", (depth, parameters, features) => {
  const specs = resnetSpecs(resnet({ depth, classes: 10 }).config);
  expect(countTrainable(specs)).toBe(parameters);
  expect(specs["fc.weight"]!.shape).toEqual([features, 10]);
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
    "resnet: expected only the options depth, classes, imageChannels, got width.",
  );
  expect(wrong({ ...full, dropout: 1 })).toThrow(/resnet: expected only the options type, .*, got dropout\./);
  expect(wrong({ ...full, blocks: [] })).toThrow(
    "resnet: expected blocks to list one number a stage, got [].",
  );
  expect(wrong({ ...full, blocks: Array(17).fill(1) })).toThrow(
    "resnet: expected at most 16 stages, got 17.",
  );
  expect(wrong({ ...full, blocks: [500, 501] })).toThrow("resnet: expected at most 1000 blocks, got 1001.");
  expect(wrong({ ...full, width: 2 ** 20 })).toThrow("a network of at most 2147483648 weights, got ");
  expect(wrong(null as never)).toThrow("resnet: expected an object of options, got null.");
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
