// What a checkpoint may hold beside its weights, each part at its bounds, and what is said of the rest.
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cosineSchedule, createRng, disposeParams, resnet, unet, type Params } from "../../src/index.js";
import { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from "../../src/formats/index.js";
import {
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  encodeCheckpoint,
} from "../../src/training/checkpoint/checkpoint.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 2, groups: 2 });
const judge = resnet({ blocks: [1], width: 2, classes: 2 });
let params: Params = {};
let weights: Params = {};
let whole = new Uint8Array(0);
beforeAll(async () => {
  params = network.init(createRng(0));
  weights = judge.init(createRng(1));
  whole = new Uint8Array(await encodeCheckpoint(sampling()));
});
afterAll(() => {
  disposeParams(params);
  disposeParams(weights);
});
const sampling = () => ({
  network,
  params,
  schedule: cosineSchedule(),
  predictionType: "eps" as const,
  steps: 4,
});

async function again(change: object) {
  const loaded = decodeCheckpoint(await encodeCheckpoint({ ...sampling(), ...change }));
  disposeParams(loaded.params);
  return loaded;
}

describe("a checkpoint", () => {
  it("holds every prediction type and clip, and the most steps there are", async () => {
    for (const predictionType of ["x0", "eps", "v", "flow"] as const) {
      expect((await again({ predictionType })).predictionType).toBe(predictionType);
    }
    for (const clip of [true, false, "x0"] as const) expect((await again({ clip })).clip).toBe(clip);
    expect((await again({})).clip).toBe(true);
    expect((await again({ steps: 1_000_000 })).steps).toBe(1_000_000);
    expect((await again({ step: 0, stage: "" })).step).toBe(0);
  });

  it("holds what is plain JSON, of objects without a prototype too", async () => {
    const plain = Object.assign(Object.create(null) as object, {
      a: [null, true, "x", 0.5, {}],
      b: { c: null },
    });
    expect((await again({ extra: plain })).extra).toEqual({ ...plain });
    expect((await again({ extra: { gone: undefined, here: 1 } })).extra).toEqual({ here: 1 });
    for (const extra of [null, 0, "", false, []]) expect((await again({ extra })).extra).toEqual(extra);
  });

  it("refuses to hold what JSON would change, or cannot write", async () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    const said = "encodeCheckpoint: expected extra to be plain JSON, got ";
    const refuse = (extra: unknown) => complaint(() => encodeCheckpoint({ ...sampling(), extra }));
    expect(await refuse(circle)).toMatch(`${said}what JSON cannot hold (Converting circular structure`);
    expect(await refuse({ toJSON: () => 1 })).toMatch(said);
    expect(await refuse({ a: { toJSON: 1 } })).toBe(`${said}{"toJSON":1}.`);
    expect(await refuse([1, [undefined]])).toBe(`${said}undefined.`);
    expect(await refuse({ a: Infinity })).toBe(`${said}Infinity.`);
    expect(await refuse(() => 1)).toBe(`${said}a function.`);
    expect(await refuse(1n)).toBe(`${said}1.`);
  });

  it("refuses parts that do not fit, in full words", async () => {
    const slot = Object.fromEntries(
      Object.entries(weights)
        .filter(([, w]) => w.trainable)
        .map(([name, w]) => [name, { dtype: "F32", shape: w.shape, data: new Float32Array(w.size) }]),
    );
    const { "fc.bias": bias, ...short } = slot;
    const optimizer = (step: number, momentum: object) => ({ type: "sgd", step, slots: { momentum } });
    const encode = (change: object) =>
      complaint(() => encodeCheckpoint({ network: judge, params: weights, ...change }));
    const said = "encodeCheckpoint: expected ";
    expect(bias!.shape).toEqual([2]);
    expect(await encode({ optimizer: optimizer(0, {}) })).toBe("nothing");
    expect(await encode({ optimizer: optimizer(1, slot) })).toBe("nothing");
    const entries = "the optimiser's momentum with the entries of the trainable params, got no ";
    expect(await encode({ optimizer: optimizer(0, short) })).toBe(`${said}${entries}"fc.bias" [2].`);
    expect(await encode({ optimizer: optimizer(1, {}) })).toMatch(`${said}${entries}`);
    expect(await encode({ optimizer: optimizer(0.5, slot) })).toMatch(
      `${said}optimizer to be an optimiser's type, step and slots, got {"type":"sgd","step":0.5,`,
    );
    const shaped = { ...sampling(), network: judge, params: weights, imageShape: [8, 8, 3] };
    expect(await encode(shaped)).toBe(`${said}no imageShape, as the network draws none, got [8,8,3].`);
    expect(await encode({ params: {} })).toBe(`${said}at least one weight in params, got none.`);
    expect(await encode({ stage: 3 })).toBe(`${said}stage to be text, got 3.`);
    expect(await encode({ step: 0.5 })).toBe(`${said}step to be an integer >= 0, got 0.5.`);
    expect(await encode({ network: { config: null } })).toBe(
      `${said}network to be a network, got {"config":null}.`,
    );
    expect(await encode({ ema: null })).toBe(`${said}params, weights by name, got null.`);
    const { "fc.bias": own, ...others } = weights;
    const large = tf.tidy(() => tf.variable(tf.tensor1d([0, -65520])));
    const encode16 = (value: tf.Variable) =>
      complaint(() =>
        encodeCheckpoint({ network: judge, params: { ...others, "fc.bias": value } }, { dtype: "F16" }),
      );
    expect(await encode16(own!)).toBe("nothing");
    expect(await encode16(large)).toBe(`${said}"fc.bias" within the range of F16, got -65520.`);
    large.dispose();
    const loaded = decodeNetworkCheckpoint(await encodeCheckpoint({ network: judge, params: weights }));
    expect(await loaded.params["fc.bias"]!.data()).toEqual(await own!.data());
    disposeParams(loaded.params);
  });
});

describe("a file's metadata", () => {
  const edited = (texts: Record<string, string | undefined>, tensor?: string) => {
    const all = { ...safetensorsMetadata(whole), ...texts };
    const kept = Object.entries(all).filter(([, text]) => text !== undefined);
    const tensors = decodeSafetensors(whole);
    if (tensor !== undefined) tensors[tensor] = { dtype: "F32", shape: [1], data: new Float32Array(1) };
    const bytes = encodeSafetensors(tensors, Object.fromEntries(kept) as Record<string, string>);
    return complaint(() => {
      disposeParams(decodeCheckpoint(bytes).params);
    });
  };

  it.each([
    [{ format: undefined }, "a checkpoint of cfd-distill, got a file of format unknown."],
    [{ format: "pt" }, "a checkpoint of cfd-distill, got a file of format pt."],
    [{ formatVersion: "2" }, "format version 1, got 2."],
    [{ network: undefined }, "network to be a network's config, got undefined."],
    [{ network: "null" }, "network to be a network's config, got null."],
    [{ statistics: undefined }, "statistics to be a list of names, got undefined."],
    [{ statistics: '"a"' }, "statistics to be a list of names, got a."],
    [{ statistics: "[1]" }, "statistics to be a list of names, got [1]."],
    [{ statistics: '["a"]' }, "statistics among params, got a."],
    [{ schedule: "3" }, "schedule to be a schedule's config, got 3."],
    [{ predictionType: '"x1"' }, "predictionType to be x0, eps, v or flow, got x1."],
    [{ steps: "0" }, "steps to be a positive integer of at most 1000000, got 0."],
    [{ steps: "1000001" }, "steps to be a positive integer of at most 1000000, got 1000001."],
    [{ clip: '"all"' }, "clip to be true, false or x0, got all."],
    [{ stage: "1" }, "stage to be text, got 1."],
    [{ rng: "{}" }, "rng to be a random state, got {}."],
    [{ step: "-1" }, "step to be an integer >= 0, got -1."],
    [{ optimizer: "null" }, "optimizer to be an optimiser's type, step and slots, got null."],
    [{ network: '{"type":"vit"}' }, 'the checkpoint of a diffusion network, got {"type":"vit"}.'],
  ] as [Record<string, string | undefined>, string][])("%j is refused", async (texts, message) => {
    expect(await edited(texts)).toBe(`decodeCheckpoint: expected ${message}`);
  });

  it("is refused where a flow's shift cannot be", async () => {
    const wrong = (text: string) => edited({ schedule: text });
    expect(await wrong('{"type":"flow","shift":0}')).toBe("flowSchedule: expected shift > 0, got 0.");
    expect(await wrong('{"type":"flow"}')).toBe(
      "flowSchedule: expected shift to be a finite number, got undefined.",
    );
    expect(await wrong('{"type":"flow","shift":1,"s":0}')).toBe(
      "scheduleFromConfig: expected only the options type, shift, got s.",
    );
  });

  it("names what is missing to sample, each part of it", async () => {
    for (const key of ["schedule", "predictionType", "steps"]) {
      expect(await edited({ [key]: undefined })).toMatch(
        /^decodeCheckpoint: expected schedule, predictionType and steps, got \["network",/,
      );
    }
    expect(await edited({})).toBe("nothing");
  });

  it.each([
    ["other", "tensors in params/, ema/ or optimizer/SLOT/, got other."],
    ["xparams/w", "tensors in params/, ema/ or optimizer/SLOT/, got xparams/w."],
    ["params", "tensors in params/, ema/ or optimizer/SLOT/, got params."],
    ["optimizer/w", "tensors in params/, ema/ or optimizer/SLOT/, got optimizer/w."],
    [
      "optimizer/expAvg/w",
      "tensors of the slots that the optimiser's metadata list, got optimizer/expAvg/w.",
    ],
    ["params/a/b", 'params with the entries of the network, got "a/b" [1] which does not belong there.'],
    ["params/a\nb", 'params with the entries of the network, got "a\nb" [1] which does not belong there.'],
  ])("does not go with a tensor %j", async (name, message) => {
    expect(await edited({}, name)).toBe(`decodeCheckpoint: expected ${message}`);
  });
});
