import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import {
  countParameters,
  denoiser,
  discreteCosineSchedule,
  flowSchedule,
  disposeParams,
  createRng,
  noise,
  resnet,
  sampleDdim,
  tableSchedule,
  unet,
  type Clip,
  type NoiseSchedule,
  type Params,
  type PredictionType,
} from "../../../src/index.js";
import { fromFloat32, samplerToOnnx, toFloat32, toOnnx } from "../../../src/formats/index.js";
import { graphBuilder } from "../../../src/formats/onnx/graph.js";
import { livelyParams } from "../../support/lively.js";
import { onWasmWithoutLeaks } from "../../support/no-leaks.js";

onWasmWithoutLeaks();

const SMALL = { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4, timeScale: 64 };

/** Runs a graph on images in this library's order, and gives the result in it. */
async function run(
  bytes: Uint8Array,
  images: Readonly<Record<string, tf.Tensor4D>>,
  others: Readonly<Record<string, ort.Tensor>> = {},
): Promise<tf.Tensor4D> {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
  });
  const turned = await Promise.all(
    Object.entries(images).map(async ([name, image]) => {
      const channelsFirst: tf.Tensor4D = tf.transpose(image, [0, 3, 1, 2]);
      const data = await channelsFirst.data<"float32">();
      channelsFirst.dispose();
      return [name, new ort.Tensor("float32", Float32Array.from(data), channelsFirst.shape)] as const;
    }),
  );
  const results = await session.run({ ...Object.fromEntries(turned), ...others });
  const result = results[session.outputNames[0]!]!;
  await session.release();
  const shape = [...result.dims] as [number, number, number, number];
  return tf.tidy(() => tf.transpose(tf.tensor4d(result.data as Float32Array, shape), [0, 2, 3, 1]));
}

/** The largest difference, or its share of the largest expected value where that is the larger of the two. */
async function differenceOf(actual: tf.Tensor, expected: tf.Tensor): Promise<number> {
  expect(actual.shape).toEqual(expected.shape);
  const share = tf.tidy(() => {
    const largest = tf.max(tf.abs(expected));
    return tf.div(tf.max(tf.abs(tf.sub(actual, expected))), tf.minimum(largest, 1));
  });
  const [difference] = await share.data();
  share.dispose();
  if (process.env.EXACTNESS_REPORT === "1")
    console.log(difference!.toExponential(1), expect.getState().currentTestName);
  return difference!;
}

/** The weights that float16 keeps of these. */
async function halved(params: Params): Promise<Params> {
  const entries = Object.entries(params).map(async ([name, weight]) => {
    const values = toFloat32(fromFloat32((await weight.data()) as Float32Array, weight.shape, "F16"));
    return [name, tf.tidy(() => tf.variable(tf.tensor(values, weight.shape)))] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const labelTensor = (labels: readonly number[]) =>
  new ort.Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]);

describe("toOnnx", () => {
  it.each([
    ["the authors' network", SMALL],
    ["classes", { ...SMALL, classes: 3, blocks: 2, attention: [0] }],
    [
      "heads, padding at the end, shifted times",
      {
        ...SMALL,
        headWidth: 4,
        halvingPadding: "end",
        timeOffset: -1,
        timeShift: 3,
        frequencyShift: 1,
        epsilon: 1e-3,
      } as const,
    ],
    ["grey images at one level", { ...SMALL, multipliers: [2], attention: [], imageChannels: 1 }],
  ])("writes a graph that onnxruntime runs to the same numbers: %s", async (_, options) => {
    const network = unet(options);
    const params = livelyParams(network);
    const bytes = await toOnnx(network, params);
    for (const [batch, height, width] of [
      [2, 8, 8],
      [1, 4, 12],
    ] as const) {
      const zt = noise(
        Array.from({ length: batch }, (_, i) => i),
        [height, width, network.config.imageChannels],
      );
      const times = [0.25, 0.7].slice(0, batch);
      const labels = "classes" in options ? [2, -1].slice(0, batch) : undefined;
      const expected = labels ? network.apply(params, zt, times, labels) : network.apply(params, zt, times);
      const others = {
        times: new ort.Tensor("float32", Float32Array.from(times), [batch]),
        ...(labels && { labels: labelTensor(labels) }),
      };
      const actual = await run(bytes, { zt }, others);
      expect(await differenceOf(actual, expected)).toBeLessThan(2e-5);
      tf.dispose([zt, expected, actual]);
    }
    disposeParams(params);
  });

  it("refuses other networks and missing weights", async () => {
    const network = unet(SMALL);
    const { "head.bias": bias, ...rest } = network.init(createRng(0));
    await expect(toOnnx(network, rest)).rejects.toThrow(
      "toOnnx: expected a parameter head.bias [8], got none of that name",
    );
    const model = { network, params: { ...rest, "head.bias": bias! }, schedule: discreteCosineSchedule(8) };
    const sampler = { ...model, predictionType: "x0", steps: 1 } as const;
    const refused = (change: object, message: string) =>
      expect(samplerToOnnx({ ...sampler, ...change })).rejects.toThrow(message);
    await refused({ temperature: 2 }, "samplerToOnnx: expected only the options network, params, ");
    await refused(
      { predictionType: "constructor" },
      "predictionType among x0, eps, v, flow, got constructor",
    );
    await refused({ steps: 1e9 }, "stepTimes: expected at most 1000000 steps, got 1000000000");
    await refused(
      { guidance: 2 },
      "samplerToOnnx: expected a network with classes to guide, got one without",
    );
    await refused({ dtype: "float64" }, 'samplerToOnnx: expected dtype "float32" or "float16", got float64');
    await expect(toOnnx(network, model.params, { dtype: "half" as never })).rejects.toThrow(
      'toOnnx: expected dtype "float32" or "float16", got half',
    );
    const wide = { ...rest, "head.bias": rest["head.weight"] };
    await refused(
      { params: wide },
      "samplerToOnnx: expected head.bias to have shape [8], got a tensor of shape",
    );
    const graph = graphBuilder("here");
    for (let i = 0; i < 500_000; i++) graph.add("Identity", []);
    expect(() => graph.add("Identity", [])).toThrow("here: expected a graph of at most 500000 operations");
    const other = resnet({ blocks: [1], width: 2, classes: 2 });
    await expect(toOnnx(other as never, rest)).rejects.toThrow("toOnnx: expected a U-Net");
    bias!.dispose();
    disposeParams(rest);
  });
});

describe("samplerToOnnx", () => {
  const table = discreteCosineSchedule(64);
  it.each<[PredictionType, number, Clip, NoiseSchedule]>([
    ["x0", 1, true, table],
    ["x0", 4, true, table],
    ["eps", 4, "x0", table],
    ["v", 2, true, table],
    ["v", 4, false, table],
    ["flow", 4, true, table],
    ["flow", 4, false, flowSchedule({ shift: 3 })],
    ["v", 2, "x0", flowSchedule()],
  ])(
    "%s in %i steps, clip %s, gives the images of sampleDdim: %j",
    async (predictionType, steps, clip, schedule) => {
      const network = unet({ ...SMALL, classes: 3 });
      const params = livelyParams(network);
      const zT = noise([1, 2, 3], [8, 8, 3]);
      const labels = [0, -1, 2];
      const model = denoiser(network, params, predictionType);
      const expected = await sampleDdim(model, schedule, zT, { steps, clip, labels });
      const bytes = await samplerToOnnx({ network, params, schedule, predictionType, steps, clip });
      const actual = await run(bytes, { noise: zT }, { labels: labelTensor(labels) });
      expect(await differenceOf(actual, expected)).toBeLessThan(1e-4);
      tf.dispose([zT, expected, actual]);
      disposeParams(params);
    },
  );

  it.each<[PredictionType, number, number]>([
    ["x0", 2, 3],
    ["eps", 3, 0],
    ["v", 1, 1.5],
  ])("%s in %i steps is guided as sampleDdim guides, scale %f", async (predictionType, steps, guidance) => {
    const network = unet({ ...SMALL, classes: 3 });
    const params = livelyParams(network);
    const schedule = tableSchedule([1, 0.9, 0.5, 0.3]);
    const zT = noise([1, 2, 3], [8, 8, 3]);
    const labels = [0, -1, 2];
    const model = denoiser(network, params, predictionType);
    const options = { steps, clip: false, guidance } as const;
    const expected = await sampleDdim(model, schedule, zT, { ...options, labels });
    const bytes = await samplerToOnnx({ network, params, schedule, predictionType, ...options });
    const actual = await run(bytes, { noise: zT }, { labels: labelTensor(labels) });
    expect(await differenceOf(actual, expected)).toBeLessThan(1e-4);
    const wrong = { network, params, schedule, predictionType, steps, guidance: NaN };
    await expect(samplerToOnnx(wrong)).rejects.toThrow("guidance to be a finite number, got NaN");
    tf.dispose([zT, expected, actual]);
    disposeParams(params);
  });

  it("stores weights in half as many bytes, and computes with them in float32", async () => {
    const network = unet({ ...SMALL, channels: 16, classes: 3 });
    const params = livelyParams(network);
    const rounded = await halved(params);
    const sampler = { network, schedule: discreteCosineSchedule(64), predictionType: "v", steps: 2 } as const;
    const zT = noise([1, 2], [8, 8, 3]);
    const labels = [2, -1];
    const model = denoiser(network, rounded, "v");
    const expected = await sampleDdim(model, sampler.schedule, zT, { steps: 2, labels });
    const [whole, half] = await Promise.all(
      (["float32", "float16"] as const).map((dtype) => samplerToOnnx({ ...sampler, params, dtype })),
    );
    const actual = await run(half!, { noise: zT }, { labels: labelTensor(labels) });
    // As exact as float32 is with the rounded weights: computed in halves it would be 1e-3 off.
    expect(await differenceOf(actual, expected)).toBeLessThan(1e-4);
    const bytes = 2 * countParameters(params);
    expect(whole!.length - half!.length).toBeGreaterThan(0.85 * bytes); // the casts have names
    tf.tidy(() => {
      params["head.bias"]!.assign(tf.fill([16], 65520));
    });
    await expect(toOnnx(network, params, { dtype: "float16" })).rejects.toThrow(
      'toOnnx: expected numbers of float16, up to 65504, in the weight "head.bias", got 65520',
    );
    tf.dispose([zT, expected, actual]);
    disposeParams(params);
    disposeParams(rounded);
  });

  it("has the weights once, however many steps", async () => {
    const network = unet({ ...SMALL, channels: 16 });
    const params = network.init(createRng(0));
    const sampler = { network, params, schedule: discreteCosineSchedule(64), predictionType: "x0" } as const;
    const [one, eight] = await Promise.all([1, 8].map((steps) => samplerToOnnx({ ...sampler, steps })));
    const weights = 4 * Object.values(params).reduce((sum, { size }) => sum + size, 0);
    expect(one!.length).toBeGreaterThan(weights);
    expect(eight!.length - one!.length).toBeLessThan(weights / 2); // names and operations
    disposeParams(params);
  });

  it("refuses what sampleDdim refuses", async () => {
    const network = unet(SMALL);
    const params = network.init(createRng(0));
    const sampler = { network, params, schedule: discreteCosineSchedule(64), predictionType: "x0" } as const;
    await expect(samplerToOnnx({ ...sampler, steps: 0 })).rejects.toThrow(/positive integer/);
    await expect(samplerToOnnx({ ...sampler, steps: 1, clip: "x" as never })).rejects.toThrow(
      /clip to be true, false or "x0"/,
    );
    disposeParams(params);
  });
});
