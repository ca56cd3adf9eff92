import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { densenet } from "../../src/models/densenet.js";
import { classifier, denoiser } from "../../src/models/denoiser.js";
import { networkFromConfig } from "../../src/models/network-config.js";
import type { ClassifierNetwork, DenoiserNetwork } from "../../src/models/network.js";
import { disposeParams } from "../../src/models/params.js";
import { resnet, type ResNet } from "../../src/models/resnet.js";
import { unet, type Unet } from "../../src/models/unet.js";
import { createRng, noise } from "../../src/rng.js";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import type { Labels } from "../../src/types.js";

const TINY = {
  channels: 4,
  multipliers: [1],
  attention: [],
  blocks: 1,
  timeScale: 8,
  groups: 2,
  dropout: 0.5,
};

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

describe("denoiser", () => {
  it("is the network's output, in inference or training mode, and frees the rest", () => {
    const network = unet(TINY);
    const params = network.init(createRng(1));
    const zt = noise([1], [4, 4, 3]);
    const expected = network.apply(params, zt, [0.5]);
    const trained = network.apply(params, zt, [0.5], { train: { rng: createRng(2) } });
    const before = tf.memory().numTensors;
    const model = denoiser(network, params, "v");
    const out = model(zt, [0.5]);
    expect(model.predictionType).toBe("v");
    expect(values(out)).toEqual(values(expected));
    expect(values(denoiser(network, params, "v", { train: { rng: createRng(2) } })(zt, [0.5]))).toEqual(
      values(trained),
    );
    expect(tf.memory().numTensors).toBe(before + 2);
    expect(zt.isDisposed).toBe(false);
    disposeParams(params);
  });

  it("hands labels on, and takes any network of the signature", () => {
    const seen: (Labels | undefined)[] = [];
    const network: DenoiserNetwork = {
      config: { type: "own" },
      init: () => ({}),
      apply: (_, zt, __, labels) => {
        seen.push(labels);
        return tf.mul(zt, 2);
      },
    };
    const model = denoiser(network, {}, "eps");
    const zt = noise([1], [2, 2, 3]);
    expectClose(
      values(model(zt, [0])),
      values(zt).map((v) => 2 * v),
    );
    model(zt, [0], [4]);
    expect(seen).toEqual([undefined, [4]]);
  });

  it("says the schedule that it is told, and no network hears of it", () => {
    const network = {
      apply: (_: unknown, zt: tf.Tensor4D, ...rest: unknown[]) => (heard.push(rest.at(-1)), zt),
    };
    const heard: unknown[] = [];
    const schedule = cosineSchedule();
    const told = denoiser(network as never, {}, "x0", { schedule, recompute: true });
    const zt = tf.zeros<tf.Rank.R4>([1, 2, 2, 1]);
    tf.dispose([told(zt, [0.5]), zt]);
    expect([told.schedule, heard]).toEqual([schedule, [{ recompute: true }]]);
    expect(denoiser(network as never, {}, "x0")).not.toHaveProperty("schedule");
    expect(() => denoiser(network as never, {}, "x0", { schedule: {} as never })).toThrow(
      "denoiser: expected schedule to be a noise schedule",
    );
    expect(() => denoiser(network as never, {}, "x0", null as never)).toThrow("denoiser: expected");
  });

  it("refuses what does not fit", () => {
    const shrinking: DenoiserNetwork = {
      config: { type: "own" },
      init: () => ({}),
      apply: (_, zt) => tf.slice(zt, 0, 1),
    };
    const model = denoiser(shrinking, {}, "x0");
    const zt = noise([1, 2], [2, 2, 3]);
    const before = tf.memory().numTensors;
    expect(() => denoiser(shrinking, {}, "noise" as never)).toThrow(
      /denoiser: expected predictionType among x0, eps, v, flow, got noise/,
    );
    expect(() => model(zt, [0.5])).toThrow(/denoiser: expected 2 times/);
    expect(() => model(zt, [0.5, -1])).toThrow(/every time in \[0, 1\], got -1/);
    expect(() => model(zt, [0.5, 1], [1])).toThrow(/2 labels, one per sample, got 1 labels/);
    expect(() => model(zt, [0.5, 1], [1, -2])).toThrow(/every label to be an integer >= -1, got -2/);
    expect(() => tf.tidy(() => model(zt, [0.5, 1]))).toThrow(/the network's output and zt of one shape/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("classifier", () => {
  /** Shows what arrives: the features are the pixels. */
  const mirror: ClassifierNetwork = {
    config: { type: "own" },
    init: () => ({}),
    apply: (_, images) => {
      const features: tf.Tensor2D = tf.reshape(images, [images.shape[0], -1]);
      return { features, logits: tf.mul(features, 2) };
    },
  };
  const images = tf.tensor4d([-1, 0, 1, 0.5], [1, 1, 2, 2]);

  it("feeds images as they are, or scaled by mean and std of (x + 1) / 2", () => {
    const before = tf.memory().numTensors;
    const plain = classifier(mirror, {})(images);
    expect(values(plain.features)).toEqual([-1, 0, 1, 0.5]);
    expect(values(plain.logits)).toEqual([-2, 0, 2, 1]);
    const scaled = classifier(mirror, {}, { mean: [0.25, 0.5], std: [0.5, 0.25] })(images);
    expectClose(values(scaled.features), [-0.5, 0, 1.5, 1]);
    expect(tf.memory().numTensors).toBe(before + 4);
  });

  it("lets gradients through the scaling", () => {
    const scaled = classifier(mirror, {}, { mean: [0.25, 0.5], std: [0.5, 0.25] });
    const gradient = tf.grad((x: tf.Tensor) => scaled(x as tf.Tensor4D).features.sum())(images);
    expectClose(values(gradient), [1, 2, 1, 2]);
  });

  it("refuses half a scaling, and one for other channels", () => {
    const make = (options: object) => () => classifier(mirror, {}, options);
    expect(make({ mean: [0, 0] })).toThrow(/classifier: expected both mean and std, or neither/);
    expect(make({ std: [1, 1] })).toThrow(/both mean and std/);
    expect(make({ mean: [0, 0], std: [1] })).toThrow(/mean and std of one length/);
    expect(make({ mean: [0, 0], std: [1, 0] })).toThrow(/every std to be positive, got \[1,0\]/);
    expect(make({ mean: ["a"], std: [1] })).toThrow(/lists of numbers/);
    const before = tf.memory().numTensors;
    expect(() => classifier(mirror, {}, { mean: [0], std: [1] })(images)).toThrow(/images of 1 channels/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("runs a ResNet in inference mode", () => {
    const network = resnet({ blocks: [1], width: 4, classes: 3 });
    const params = network.init(createRng(1));
    const x = noise([1, 2], [4, 4, 3]);
    const { logits, features } = classifier(network, params)(x);
    const expected = network.apply(params, x);
    expect(values(logits)).toEqual(values(expected.logits));
    expect(values(features)).toEqual(values(expected.features));
    disposeParams(params);
  });
});

describe("networkFromConfig", () => {
  it.each([
    unet({ ...TINY, classes: 4 }),
    resnet({ depth: 18, classes: 10 }),
    densenet({ growth: 2, blocks: [1, 1], stem: 4, classes: 10 }),
  ])("makes the $config.type again, also after JSON", ({ config }) => {
    const again = networkFromConfig(JSON.parse(JSON.stringify(config)) as { type: string });
    expect(again.config).toEqual(config);
  });

  it("knows the type of what it makes", () => {
    expectTypeOf(networkFromConfig(unet(TINY).config)).toEqualTypeOf<Unet>();
    expectTypeOf(networkFromConfig(resnet({ depth: 18, classes: 10 }).config)).toEqualTypeOf<ResNet>();
  });

  it("refuses unknown types", () => {
    expect(() => networkFromConfig({ type: "vgg" })).toThrow(/a type among unet, resnet, densenet, got vgg/);
    expect(() => networkFromConfig(null as never)).toThrow(
      /networkFromConfig: expected a config object, got null/,
    );
  });
});

function expectClose(actual: readonly number[], expected: readonly number[]) {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
  });
}
