import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { loadGenerator, type LoadOptions } from "../../src/generator/load.js";
import type { SampleOptions } from "../../src/generator/options.js";
import { denoiser } from "../../src/models/denoiser.js";
import { disposeParams } from "../../src/models/params.js";
import { unet } from "../../src/models/unet.js";
import { createRng, noise } from "../../src/rng.js";
import { sampleDdim } from "../../src/samplers/ddim.js";
import { cosineSchedule } from "../../src/schedules/cosine.js";
import { flowSchedule } from "../../src/schedules/flow.js";
import { encodeCheckpoint } from "../../src/training/checkpoint/checkpoint.js";
import type { Params } from "../../src/types.js";

const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 2 });
const schedule = cosineSchedule();
let params: Params = {};
let ema: Params = {};

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
  [params, ema] = [network.init(createRng(1)), network.init(createRng(2))];
  // A fresh U-Net's last convolution is almost 0: make the two tell apart.
  for (const w of [...Object.values(params), ...Object.values(ema)])
    tf.tidy(() => {
      w.assign(tf.add(w, 0.05));
    });
});

const unsized = { network, schedule, predictionType: "x0", steps: 2, clip: "x0" } as const;
const base = { ...unsized, imageShape: [8, 8, 3] } as const;

/** What the generator promises, put together by hand. */
async function expected(weights: Params, seeds: number[], steps: number): Promise<Float32Array> {
  const zT = noise(seeds, [8, 8, 3]);
  const images = await sampleDdim(denoiser(network, weights, "x0"), schedule, zT, { steps, clip: "x0" });
  const values = (await images.data<"float32">()).slice();
  tf.dispose([zT, images]);
  return values;
}

describe("loadGenerator", () => {
  it("samples the averaged weights at the trained steps, image i from seed i alone", async () => {
    const before = tf.memory().numTensors;
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, params, ema }));
    expect([generator.steps, generator.imageShape]).toEqual([2, [8, 8, 3]]);
    const images = await generator.sample({ seeds: [7, 8] });
    expect(images.shape).toEqual([2, 8, 8, 3]);
    expect(await images.data()).toEqual(await expected(ema, [7, 8], 2));
    const one = await generator.sample({ seeds: [8], steps: 1 });
    expect(await one.data()).toEqual(await expected(ema, [8], 1));
    tf.dispose([images, one]);
    generator.dispose();
    generator.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await expect(generator.sample({ seeds: [1] })).rejects.toThrow(
      "Generator.sample: expected a generator in use",
    );
  });

  it("samples a student of a flow, which its file says", async () => {
    const shifted = unet({ ...network.config, timeShift: 3 });
    const flow = {
      network: shifted,
      schedule: flowSchedule({ shift: 3 }),
      predictionType: "flow",
      clip: false,
    } as const;
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, ...flow, params }));
    const images = await generator.sample({ seeds: [7] });
    const zT = noise([7], [8, 8, 3]);
    const model = denoiser(network, params, "flow"); // which sees u, asked at u
    const wanted = await sampleDdim(model, flowSchedule(), zT, { times: [1, 0.75, 0], clip: false });
    const off = tf.tidy(() => tf.max(tf.abs(tf.sub(images, wanted))));
    expect((await off.data())[0]).toBeLessThan(1e-5);
    tf.dispose([images, zT, wanted, off]);
    generator.dispose();
  });

  it("samples the plain weights where there is no average, in any size", async () => {
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, params }));
    const images = await generator.sample({ seeds: [7] });
    expect(await images.data()).toEqual(await expected(params, [7], 2));
    const wide = await generator.sample({ seeds: [7], shape: [4, 12, 3] });
    expect(wide.shape).toEqual([1, 4, 12, 3]);
    tf.dispose([images, wide]);
    generator.dispose();
  });

  it("asks for the shape where the checkpoint says none", async () => {
    const before = tf.memory().numTensors;
    const bytes = await encodeCheckpoint({ ...unsized, params, ema });
    await expect(loadGenerator(bytes)).rejects.toThrow(
      "loadGenerator: expected an imageShape, in the checkpoint (encodeCheckpoint stores it) or in the options: " +
        "{ imageShape: [height, width, channels] }, got a checkpoint without.",
    );
    const given = (imageShape: unknown) =>
      expect(loadGenerator(bytes, { imageShape } as LoadOptions)).rejects;
    await given([8, 8, 1]).toThrow("loadGenerator: expected imageShape to have 3 channels, got [8, 8, 1]");
    await given([8, 8]).toThrow(
      "loadGenerator: expected imageShape to be [height, width, channels] of at most",
    );
    await given([1e5, 1e5, 3]).toThrow("of at most 268435456 numbers, got [100000,100000,3]");
    await expect(loadGenerator(bytes, { shape: [8, 8, 3] } as never)).rejects.toThrow(
      "loadGenerator: expected only the options imageShape, onProgress, signal, cache, integrity, got shape",
    );
    expect(tf.memory().numTensors).toBe(before);
    const generator = await loadGenerator(bytes.buffer, { imageShape: [8, 4, 3] });
    expect(generator.imageShape).toEqual([8, 4, 3]);
    expect(generator.classes).toBeUndefined();
    const images = await generator.sample({ seeds: [1], steps: 1 });
    expect(images.shape).toEqual([1, 8, 4, 3]);
    images.dispose();
    generator.dispose();
  });

  it("keeps to an image's shape of one channel", async () => {
    const grey = unet({ ...network.config, imageChannels: 1 });
    const weights = grey.init(createRng(1));
    const bytes = await encodeCheckpoint({ ...base, network: grey, params: weights, imageShape: [4, 6, 1] });
    const generator = await loadGenerator(bytes);
    const images = await generator.sample({ seeds: [1] });
    expect(images.shape).toEqual([1, 4, 6, 1]);
    images.dispose();
    generator.dispose();
    disposeParams(weights);
  });

  it("refuses more steps than it was trained for, labels of no class and what is not there", async () => {
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, params, steps: 1 }));
    const before = tf.memory().numTensors;
    const refused = async (options: unknown, message: string) => {
      await expect(generator.sample(options as never)).rejects.toThrow(message);
      expect(tf.memory().numTensors).toBe(before);
    };
    const seeds = [1];
    await refused(
      { seeds, steps: 4 },
      "Generator.sample: expected at most the 1 step that the model was trained for, got 4.",
    );
    for (const steps of [0, 1.5, "1", NaN])
      await refused({ seeds, steps }, "Generator.sample: expected steps to be a positive integer");
    await refused({ seeds, step: 1 }, "Generator.sample: expected option steps, got step.");
    for (const options of [undefined, null, 1])
      await refused(options, "Generator.sample: expected an object of options");
    const where = "Generator.sample: expected";
    await refused({}, `${where} seeds to be an array of safe integers, got undefined`);
    await refused({ seeds: [1.5] }, `${where} every seed to be a safe integer, got 1.5`);
    await refused({ seeds, labels: [0] }, `${where} no labels, as the model knows no classes, got [0].`);
    await refused({ seeds, guidance: 2 }, "labels together with guidance");
    for (const shape of [[8, 8], [8, 8, 0], "883", null]) await refused({ seeds, shape }, "noise: expected ");
    await refused({ seeds, shape: [8, 8, 1] }, "zt to have 3 channels");
    generator.dispose();
  });

  it("refuses labels of no class of its own, and those that are not one an image", async () => {
    const labelled = unet({ ...network.config, classes: 3 });
    const weights = labelled.init(createRng(1));
    const generator = await loadGenerator(
      await encodeCheckpoint({ ...base, network: labelled, params: weights }),
    );
    const before = tf.memory().numTensors;
    const refused = (labels: unknown, seeds = [1, 2]) =>
      expect(generator.sample({ seeds, labels } as SampleOptions)).rejects;
    await refused([0, 3]).toThrow("Generator.sample: expected labels from -1, for none, to 2, got 3.");
    await refused([-2, 0]).toThrow("Generator.sample: expected every label to be an integer >= -1, got -2.");
    await refused([0.5, 0]).toThrow("every label to be an integer >= -1, got 0.5.");
    await refused([0]).toThrow("Generator.sample: expected 2 labels, one per sample, got 1 labels.");
    expect(tf.memory().numTensors).toBe(before);
    expect(generator.classes).toBe(3);
    generator.dispose();
    disposeParams(weights);
  });

  it("ends a sampling under way when it is disposed", async () => {
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, params }));
    const before = tf.memory().numTensors - Object.keys(params).length;
    const onStep = ({ index }: { readonly index: number }) => {
      if (index === 0) generator.dispose();
    };
    const message = "Generator.sample: expected a generator in use, got one that was disposed.";
    await expect(generator.sample({ seeds: [1], onStep })).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
    const again = await loadGenerator(await encodeCheckpoint({ ...base, params }));
    const drawn = again.sample({ seeds: [1] });
    again.dispose();
    await expect(drawn).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses what does not fit, without leaking", async () => {
    const generator = await loadGenerator(await encodeCheckpoint({ ...base, params }));
    const before = tf.memory().numTensors;
    const shape = [8, 8, 3] as const;
    await expect(generator.sample({ seeds: [], shape })).rejects.toThrow(
      "Generator.sample: expected at least one seed",
    );
    await expect(generator.sample({ seeds: [1], shape, steps: 0 })).rejects.toThrow(
      "Generator.sample: expected steps to be a positive integer, got 0.",
    );
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(generator.sample({ seeds: [1], shape, signal })).rejects.toThrow("stop");
    expect(tf.memory().numTensors).toBe(before);
    generator.dispose();
    const classifier = await encodeCheckpoint({ network, params });
    await expect(loadGenerator(classifier)).rejects.toThrow("expected schedule, predictionType and steps");
    disposeParams(params);
    disposeParams(ema);
  });
});
