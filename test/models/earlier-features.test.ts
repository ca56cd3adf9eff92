// A classifier that gives the features of several layers in one pass.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  cfdLoss,
  classifier,
  createRng,
  cosineSchedule,
  densenet,
  disposeParams,
  inception,
  noise,
  resnet,
  valueAndGrads,
  type Classifier,
  type ClassifierNetwork,
  type Params,
  type ResNet,
} from "../../src/index.js";
import { askClassifier } from "../../src/losses/ask-classifier.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const scaling = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] };
const bits = async (tensors: readonly tf.Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => Array.from(await tensor.data())));

/** The network without its last stages, with the same weights: its features are those of the last that is left. */
function cut(network: ResNet, params: Params, by: number): { classify: Classifier; weights: Params } {
  const shorter = resnet({ ...network.config, blocks: network.config.blocks.slice(0, -by) });
  const weights = shorter.init(createRng(0));
  for (const [name, weight] of Object.entries(weights)) {
    const trained = params[name]!;
    if (tf.util.arraysEqual(trained.shape, weight.shape)) weight.assign(trained);
  }
  return { classify: classifier(shorter, weights, scaling), weights };
}

describe.each([
  ["two blocks a stage", { blocks: [2, 2, 2], width: 4 }],
  ["bottlenecks", { blocks: [1, 1, 1], width: 2, bottleneck: true }],
  ["padded shortcuts", { blocks: [1, 2, 1], width: 4, shortcut: "pad" }],
] as const)("a ResNet of %s", (_, parts) => {
  const network = resnet({ ...parts, classes: 5 });

  it("gives, to the bit, what it would end in if it were shorter, and the rest as ever", async () => {
    const params = network.init(createRng(1));
    const images = noise([1, 2], [9, 8, 3]);
    const shorter = [1, 2].map((by) => cut(network, params, by));
    const before = tf.memory().numTensors;
    const all = classifier(network, params, { ...scaling, layers: 3 })(images);
    expect(tf.memory().numTensors).toBe(before + 4);
    const last = classifier(network, params, scaling)(images);
    const ends = shorter.map(({ classify }) => classify(images));
    expect(all.earlier).toHaveLength(2);
    expect(await bits(all.earlier!)).toEqual(await bits(ends.map(({ features }) => features)));
    expect(await bits([all.logits, all.features])).toEqual(await bits([last.logits, last.features]));
    expect("earlier" in last).toBe(false);
    const one = classifier(network, params, { ...scaling, layers: 2 })(images);
    expect(await bits(one.earlier!)).toEqual(await bits([all.earlier![0]!]));
    tf.dispose([images, all, last, ends, one]);
    [params, ...shorter.map(({ weights }) => weights)].forEach(disposeParams);
  });

  it("passes the gradients that the shorter ones pass to the images", async () => {
    const params = network.init(createRng(1));
    const images = noise([1, 2], [9, 8, 3]);
    const [shorter, shortest] = [1, 2].map((by) => cut(network, params, by)) as [
      ReturnType<typeof cut>,
      ReturnType<typeof cut>,
    ];
    const all = classifier(network, params, { ...scaling, layers: 3 });
    const by = (f: (x: tf.Tensor4D) => tf.Tensor) =>
      tf.tidy(() => tf.grad((x: tf.Tensor) => tf.sum(tf.square(f(x as tf.Tensor4D))))(images));
    const gradients = [
      [by((x) => all(x).earlier![0]!), by((x) => shorter.classify(x).features)],
      [by((x) => all(x).earlier![1]!), by((x) => shortest.classify(x).features)],
    ] as const;
    for (const [got, expected] of gradients) {
      const [a, b] = await bits([got, expected]);
      expect(a).toEqual(b);
      expect(Math.max(...a!.map(Math.abs))).toBeGreaterThan(0);
    }
    tf.dispose([images, gradients as never]);
    [params, shorter.weights, shortest.weights].forEach(disposeParams);
  });

  it("trains with them: every weight up to that stage has its gradient", () => {
    const params = network.init(createRng(1));
    const images = noise([1, 2], [8, 8, 3]);
    const f = () => {
      const { earlier } = network.apply(params, images, { layers: 2, train: { rng: createRng(0) } });
      return { loss: tf.sum(tf.square(earlier![0]!)).asScalar() };
    };
    const { terms, grads } = valueAndGrads(f, params);
    for (const [name, gradient] of Object.entries(grads)) {
      const reached = tf.tidy(() => tf.sum(tf.abs(gradient)).dataSync()[0]! > 0);
      // The third stage and what is behind it come after; a convolution before a batch norm has next to none.
      if (name.startsWith("layer3") || name.startsWith("fc")) expect(reached, name).toBe(false);
      else expect(reached, name).toBe(true);
    }
    tf.dispose([terms, grads, images]);
    disposeParams(params);
  });
});

describe("refusals", () => {
  const images = () => noise([1], [8, 8, 3]);

  it("of layers that a network does not have, by name and without a leak", () => {
    const networks: [ClassifierNetwork<{ type: string }>, number, string][] = [
      [
        resnet({ blocks: [1, 1], width: 4, classes: 2 }),
        3,
        "resnet.apply: expected layers from 1 to 2, its stages, got 3.",
      ],
      [
        densenet({ growth: 2, blocks: [1, 1], stem: 4, classes: 2 }),
        2,
        "densenet.apply: expected no `layers` but the last, got 2.",
      ],
    ];
    for (const [network, layers, message] of networks) {
      const params = network.init(createRng(0));
      const x = images();
      const before = tf.memory().numTensors;
      expect(() => classifier(network, params, { layers })(x)).toThrow(message);
      expect(() => network.apply(params, x, { layers: 0 })).toThrow(/got 0/);
      expect(() => network.apply(params, x, { layers: 1.5 })).toThrow(/got 1.5/);
      expect(tf.memory().numTensors).toBe(before);
      x.dispose();
      disposeParams(params);
    }
    const x = images();
    expect(() => inception().apply({}, x, { layers: 2 })).toThrow("inception.apply: expected no `layers`");
    x.dispose();
  });

  it("of layers that are no count, and of networks that do not give them", () => {
    const answer = { logits: tf.zeros<tf.Rank.R2>([1, 2]), features: tf.zeros<tf.Rank.R2>([1, 3]) };
    const given = (earlier?: unknown) => ({
      apply: () => ({ ...answer, ...(earlier === undefined ? {} : { earlier }) }) as never,
    });
    expect(() => classifier(given(), {}, { layers: 0 })).toThrow(
      "classifier: expected layers to be a positive integer, got 0.",
    );
    const x = images();
    const before = tf.memory().numTensors;
    const none = "classifier: expected the network to give the features of 1 layers before the last";
    expect(() => classifier(given(), {}, { layers: 2 })(x)).toThrow(`${none}, got undefined.`);
    expect(() => classifier(given([]), {}, { layers: 2 })(x)).toThrow(none);
    expect(() => classifier(given([x]), {}, { layers: 2 })(x)).toThrow("earlier features [1, width]");
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x, answer]);
  });
});

describe("a classifier of the caller's own", () => {
  it("may give earlier features too, one tensor at every call, which stay its own", () => {
    const kept = tf.ones<tf.Rank.R2>([2, 3]);
    const judge: Classifier = () => ({ logits: kept, features: kept, earlier: [kept, kept] });
    const [x0, eps] = [noise([1, 2], [4, 4, 3]), noise([3, 4], [4, 4, 3])];
    const before = tf.memory().numTensors;
    const answer = askClassifier(judge, x0, "test");
    expect(tf.memory().numTensors).toBe(before + 4);
    tf.dispose(answer);
    expect(kept.isDisposed).toBe(false);
    const grey = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
    const batch = { schedule: cosineSchedule(), x0, eps, times: [0.5, 1], studentSteps: 2, temperature: 1 };
    tf.dispose(cfdLoss({ ...batch, student: grey, teacher: grey, classifier: judge }));
    expect(tf.memory().numTensors).toBe(before);
    expect(() =>
      askClassifier(() => ({ logits: kept, features: kept, earlier: kept as never }), x0, "test"),
    ).toThrow("test: expected the classifier's earlier features to be a list, got a tensor of shape [2, 3].");
    tf.dispose([x0, eps, kept]);
  });
});
