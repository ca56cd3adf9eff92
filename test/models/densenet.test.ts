import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";
import { createRng, disposeParams, noise } from "../../src/index.js";
import { densenet, densenetSpecs, type DenseNetOptions } from "../../src/models/densenet.js";
import { classifierContract, countTrainable } from "../support/classifier-contract.js";
import { naiveDenseNet, readWeights } from "../support/naive-classifiers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { tensorsAlive } from "../support/tensors-alive.js";

onCpuWithoutLeaks();

const small = { growth: 2, blocks: [2, 1], stem: 3, classes: 3, imageChannels: 2 };
const variants = {
  "two blocks": densenet(small),
  "three blocks": densenet({ ...small, blocks: [1, 1, 1] }),
};

classifierContract(variants, naiveDenseNet);

// Counted by PyTorch 2.13 in the authors' code: sum(p.numel() for p in densenet121(num_classes=10).parameters())
test.each([
  [121, 6_956_426, 1024],
  [169, 12_493_450, 1664],
  [201, 18_104_458, 1920],
] as const)("DenseNet-%i has %i parameters and %i features", (depth, parameters, features) => {
  const specs = densenetSpecs(densenet({ depth, classes: 10 }).config);
  expect(countTrainable(specs)).toBe(parameters);
  expect(specs["fc.weight"]!.shape).toEqual([features, 10]);
});

test("inference holds as few tensors at a time in a deep network as in a shallow one", () => {
  const peak = (layers: number) => {
    const network = densenet({ ...small, blocks: [layers] });
    const params = network.init(createRng(0));
    const images = noise([1], [4, 4, 2]);
    const alive = tensorsAlive(() => {
      const { logits, features } = network.apply(params, images);
      tf.dispose([logits, features]);
    });
    images.dispose();
    disposeParams(params);
    return Math.max(...alive);
  };
  expect(peak(12)).toBe(peak(3));
});

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
    "densenet: expected only the options depth, classes, imageChannels, got stem.",
  );
  expect(wrong({ ...small, width: 2 })).toThrow(/densenet: expected only the options type, .*, got width\./);
  expect(wrong({ ...small, growth: 0 })).toThrow(
    "densenet: expected growth to be a positive integer, got 0.",
  );
  expect(wrong({ ...small, stem: undefined })).toThrow("stem to be a positive integer, got undefined.");
  expect(wrong({ ...small, blocks: 3 })).toThrow(
    "densenet: expected blocks to list one number a stage, got 3.",
  );
  expect(wrong({ ...small, blocks: [1001] })).toThrow("densenet: expected at most 1000 blocks, got 1001.");
  expect(wrong({ ...small, growth: 1e9 })).toThrow("a network of at most 2147483648 weights, got ");
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
