import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsMetadata,
} from "../../src/formats/safetensors/safetensors.js";
import { cloneParams, disposeParams } from "../../src/models/params.js";
import { resnet } from "../../src/models/resnet.js";
import { unet } from "../../src/models/unet.js";
import { createRng } from "../../src/rng.js";
import { discreteCosineSchedule } from "../../src/schedules/table.js";
import { adam } from "../../src/training/adam.js";
import {
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
} from "../../src/training/checkpoint/checkpoint.js";
import { sgd } from "../../src/training/sgd.js";
import type { Params } from "../../src/types.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 2 });
const schedule = discreteCosineSchedule(8);

/** Two steps into a training run: everything that a checkpoint can hold. */
async function midway() {
  const rng = createRng(5);
  const params = network.init(rng.fork("init"));
  const ema = cloneParams(params);
  const optimizer = adam({ learningRate: 1e-2 });
  const grads = tf.tidy(() =>
    Object.fromEntries(Object.entries(params).map(([name, w]) => [name, tf.add(tf.mul(w, 0.3), 0.1)])),
  );
  optimizer.apply(params, grads);
  optimizer.apply(params, grads);
  const state = await optimizer.state();
  optimizer.dispose();
  tf.dispose(grads);
  rng.normals(3);
  const more = {
    ema,
    optimizer: state,
    step: 2,
    rng: rng.state(),
    stage: "student 4",
    extra: { note: ["ü", 0.1] },
  };
  const sampling = { schedule, predictionType: "v", steps: 4, clip: "x0", imageShape: [8, 8, 3] } as const;
  return { network, params, ...sampling, ...more } satisfies Checkpoint;
}

async function expectSame(a: Params | undefined, b: Params | undefined): Promise<void> {
  expect(Object.keys(a!).sort()).toEqual(Object.keys(b!).sort());
  for (const [name, weight] of Object.entries(a!)) {
    expect(await b![name]!.data()).toEqual(await weight.data());
    expect(b![name]!.shape).toEqual(weight.shape);
    expect(b![name]!.trainable).toBe(weight.trainable);
  }
}

/** The file again with other metadata or other tensors. */
function edit(
  bytes: Uint8Array,
  texts: Record<string, string | undefined>,
  change: (tensors: ReturnType<typeof decodeSafetensors>) => void = () => undefined,
): Uint8Array {
  const metadata = Object.entries({ ...safetensorsMetadata(bytes), ...texts }).filter(
    ([, v]) => v !== undefined,
  );
  const tensors = decodeSafetensors(bytes);
  change(tensors);
  return encodeSafetensors(tensors, Object.fromEntries(metadata) as Record<string, string>);
}

describe("checkpoints", () => {
  it("come back bit for bit, and encode to the same bytes again", async () => {
    const before = tf.memory().numTensors;
    const saved = await midway();
    const bytes = await encodeCheckpoint(saved);
    const loaded = decodeCheckpoint(bytes);
    await expectSame(saved.params, loaded.params);
    await expectSame(saved.ema, loaded.ema);
    expect(loaded.network.config).toEqual(network.config);
    expect(loaded.schedule.config).toEqual(schedule.config);
    const { predictionType, steps, clip, imageShape, optimizer, step, rng, stage, extra } = saved;
    expect(loaded).toMatchObject({ predictionType, steps, clip, imageShape, step, rng, stage, extra });
    expect(Object.fromEntries(Object.entries(loaded.optimizer!.slots.expAvg!))).toEqual(
      optimizer.slots.expAvg,
    );
    expect(loaded.optimizer?.step).toBe(2);
    expect(Buffer.from(await encodeCheckpoint(loaded)).equals(bytes)).toBe(true);
    for (const params of [saved.params, saved.ema, loaded.params, loaded.ema!]) disposeParams(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("read all tensors before the first wait", async () => {
    const saved = await midway();
    const expected = await encodeCheckpoint(saved);
    const promise = encodeCheckpoint(saved);
    for (const w of Object.values({ ...saved.params, ...saved.ema })) w.assign(tf.zerosLike(w));
    expect(Buffer.from(await promise).equals(expected)).toBe(true);
    tf.disposeVariables();
  });

  it("keep what the network computes, and say what they are in the metadata", async () => {
    const saved = await midway();
    const bytes = await encodeCheckpoint(saved);
    const loaded = decodeCheckpoint(bytes);
    const zt = tf.ones<tf.Rank.R4>([1, 8, 8, 3]);
    const [a, b] = [network.apply(saved.params, zt, [0.5]), loaded.network.apply(loaded.params, zt, [0.5])];
    expect(await b.data()).toEqual(await a.data());
    const texts = safetensorsMetadata(bytes);
    expect(texts).toMatchObject({ format: "cfd-distill", formatVersion: "1", steps: "4", clip: '"x0"' });
    expect(texts.predictionType).toBe('"v"');
    expect(Object.keys(decodeSafetensors(bytes))).toContain(
      "optimizer/expAvgSq/" + Object.keys(saved.params)[0]!,
    );
    tf.dispose([zt, a, b]);
    tf.disposeVariables();
  });

  it("hold an optimiser of either kind, before and after its first step", async () => {
    const judge = resnet({ blocks: [1], width: 2, classes: 2 });
    const params = judge.init(createRng(1));
    const trainable = Object.entries(params).filter(([, w]) => w.trainable);
    const grads = tf.tidy(() => Object.fromEntries(trainable.map(([name, w]) => [name, tf.onesLike(w)])));
    for (const make of [() => sgd({ learningRate: 1, momentum: 0.5 }), () => sgd({ learningRate: 1 })]) {
      const optimizer = make();
      for (let step = 0; step < 2; step++) {
        const state = await optimizer.state();
        const file = await encodeCheckpoint({ network: judge, params, optimizer: state });
        const loaded = decodeNetworkCheckpoint(file);
        const again = make();
        again.restore(loaded.optimizer!);
        expect((await again.state()).step).toBe(step);
        expect(loaded.params["bn1.running_mean"]?.trainable).toBe(false);
        optimizer.apply(params, grads);
        disposeParams(loaded.params);
        again.dispose();
      }
      optimizer.dispose();
    }
    tf.dispose(grads);
    disposeParams(params);
  });

  it("ship weights in 16 bits", async () => {
    const saved = await midway();
    const bytes = await encodeCheckpoint(saved, { dtype: "F16" });
    const full = await encodeCheckpoint({ ...saved, optimizer: undefined });
    expect(
      (await encodeCheckpoint({ ...saved, optimizer: undefined }, { dtype: "F16" })).length,
    ).toBeLessThan(0.75 * full.length);
    const loaded = decodeCheckpoint(bytes);
    for (const [name, weight] of Object.entries(saved.ema)) {
      const [exact, rounded] = [await weight.data(), await loaded.ema![name]!.data()];
      exact.forEach((value, i) => {
        expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(2 ** -11 * Math.abs(value) + 2 ** -25);
      });
    }
    expect(loaded.optimizer?.slots.expAvg!["tail.2.bias"]?.dtype ?? "F32").toBe("F32");
    saved.params["head.bias"]!.assign(tf.fill([4], 70000));
    await expect(encodeCheckpoint(saved, { dtype: "F16" })).rejects.toThrow(
      'encodeCheckpoint: expected "head.bias" within the range of F16, got 70000',
    );
    tf.disposeVariables();
  });

  it("hold NaN and infinities only if told to, and are read with them", async () => {
    const saved = await midway();
    const { expAvg } = saved.optimizer.slots;
    const moments = Float32Array.of(0, 0, NaN);
    const slots = {
      ...saved.optimizer.slots,
      expAvg: { ...expAvg, "tail.2.bias": { dtype: "F32", shape: [3], data: moments } },
    } as const;
    const broken = { ...saved, optimizer: { ...saved.optimizer, slots } };
    const what = (name: string, part: string) =>
      `encodeCheckpoint: expected finite numbers in "${name}" of ${part}, unless allowNonFinite is true, got `;
    await expect(encodeCheckpoint(broken)).rejects.toThrow(
      what("tail.2.bias", "expAvg") + "NaN at position 2.",
    );
    saved.ema["head.bias"]!.assign(tf.tensor1d([0, -Infinity, 0, 0]));
    await expect(encodeCheckpoint(saved)).rejects.toThrow(
      what("head.bias", "ema") + "-Infinity at position 1.",
    );
    saved.params["head.bias"]!.assign(tf.tensor1d([NaN, 0, 0, 0]));
    await expect(encodeCheckpoint(saved)).rejects.toThrow(what("head.bias", "params") + "NaN at position 0.");
    for (const dtype of ["F32", "F16"] as const) {
      const again = decodeCheckpoint(await encodeCheckpoint(saved, { dtype, allowNonFinite: true }));
      expect([...(await again.params["head.bias"]!.data())]).toEqual([NaN, 0, 0, 0]);
      expect([...(await again.ema!["head.bias"]!.data())]).toEqual([0, -Infinity, 0, 0]);
    }
    tf.disposeVariables();
  });

  it("are refused when parts do not belong together", async () => {
    const saved = await midway();
    const other = { w: tf.variable(tf.scalar(1)) };
    const wider = unet({ ...network.config, channels: 8 });
    const nested = (depth: number) => Array.from({ length: depth }).reduce((inner: unknown) => [inner], []);
    const cases: [object, string][] = [
      [{ ema: other }, "ema with the entries of params"],
      [
        { optimizer: { type: "adam", step: 1, slots: { expAvg: {} } } },
        "the optimiser's expAvg with the entries of",
      ],
      [{ params: {} }, "at least one weight in params"],
      [{ steps: 0 }, "steps to be a positive integer of at most 1000000, got 0"],
      [{ predictionType: "x1" }, "predictionType to be x0, eps, v or flow, got x1"],
      [{ clip: "all" }, "clip to be true, false or x0"],
      [{ steps: 1e9 }, "steps to be a positive integer of at most 1000000, got 1000000000"],
      [{ steps: undefined }, "schedule, predictionType and steps, got 1 of them undefined"],
      [{ schedule: undefined }, "schedule, predictionType and steps, got 1 of them undefined"],
      [
        { imageShape: [8, 8] },
        "imageShape to be [height, width, channels] of at most 268435456 numbers, got [8,8]",
      ],
      [
        { imageShape: [1e5, 1e5, 3] },
        "imageShape to be [height, width, channels] of at most 268435456 numbers",
      ],
      [{ classNames: ["a"] }, 'classNames of 0 classes, got ["a"]'],
      [{ classNames: [1] }, "classNames to be distinct names of 1 to 255 characters, got [1]"],
      [{ classNames: ["a", "a"] }, "classNames to be distinct names of 1 to 255 characters, got"],
      [{ classNames: ["a", " "] }, "classNames to be distinct names of 1 to 255 characters, got"],
      [{ classNames: ["a".repeat(256)] }, "classNames to be distinct names of 1 to 255 characters, got"],
      [{ imageShape: [8, 8, 1] }, "imageShape to have 3 channels, got [8, 8, 1]"],
      [{ network: { config: { type: "vit" } } }, "a type among unet, resnet, densenet, got vit"],
      [{ network: wider }, 'params with the entries of the network, got "time_embedding'],
      [
        { params: { ...saved.params, w: other.w } },
        'params with the entries of the network, got "w" [] which does not belong there',
      ],
      [{ imageshape: [8, 8, 3] }, "option imageShape, got imageshape"],
      [{ extra: () => 1 }, "extra to be plain JSON, got a function"],
      [{ extra: { when: Symbol("now") } }, "extra to be plain JSON, got "],
      [{ extra: nested(100) }, "at most 100 levels of brackets in extra, got 101"],
      [{ extra: nested(1e5) }, "extra to be plain JSON, got what JSON cannot hold (Maximum call stack"],
      [{ extra: { loss: NaN } }, "extra to be plain JSON, got NaN"],
      [{ extra: { seen: new Map([[1, 2]]) } }, "extra to be plain JSON, got {}"],
      [{ extra: { losses: Float32Array.of(1) } }, "extra to be plain JSON, got a Float32Array"],
      [{ extra: new Date(0) }, 'extra to be plain JSON, got "1970-01-01T00:00:00.000Z"'],
      [{ extra: [undefined] }, "extra to be plain JSON, got undefined"],
      [{ schedule: null }, "schedule to be a noise schedule, got null"],
      [{ schedule: { ...schedule, config: undefined } }, "a schedule's config, got undefined"],
      [
        { schedule: { ...schedule, config: { type: "table" } } },
        "alphaBars to be an array of numbers, got undefined",
      ],
      [
        { optimizer: Promise.resolve(saved.optimizer) },
        "the optimiser's state, as state() gives it, got undefined",
      ],
      [
        { optimizer: { ...saved.optimizer, type: "lion" } },
        "optimizer to be an optimiser's type, step and slots",
      ],
      [{ network: null }, "network to be a network, got null"],
      [{ params: null }, "params, weights by name, got null"],
      [{ params: { w: null } }, "w to be a variable, got null"],
      [{ ema: { w: 1 } }, "w to be a variable, got 1"],
      [{ rng: { identity: [1] } }, "rng to be a random state"],
      [{ step: -1 }, "step to be an integer >= 0"],
    ];
    for (const [part, message] of cases) {
      await expect(encodeCheckpoint({ ...saved, ...part }), message).rejects.toThrow(
        /^a(lphaBars| type among| schedule's)/.test(message)
          ? message
          : `encodeCheckpoint: expected ${message}`,
      );
    }
    await expect(encodeCheckpoint(saved, { dtypes: "F16" } as never)).rejects.toThrow(
      "encodeCheckpoint: expected option dtype, got dtypes",
    );
    await expect(encodeCheckpoint(saved, { dtype: "F64" as "F32" })).rejects.toThrow(
      "dtype F32 or F16, got F64",
    );
    await expect(encodeCheckpoint(saved, { allowNonFinite: "no" as never })).rejects.toThrow(
      "encodeCheckpoint: expected allowNonFinite to be true or false, got no.",
    );
    const wide = {
      ...saved,
      params: { ...saved.params, w: tf.tidy(() => tf.variable(tf.ones([1], "int32"))) },
    };
    await expect(encodeCheckpoint(wide)).rejects.toThrow("w to be of type float32, got int32");
    saved.params["head.bias"]!.dispose();
    await expect(encodeCheckpoint(saved)).rejects.toThrow(
      "expected head.bias to be a tensor in use, got one that was disposed.",
    );
    tf.disposeVariables();
  });

  it("are refused when damaged or not a checkpoint, without leaking", async () => {
    const saved = await midway();
    const bytes = await encodeCheckpoint(saved);
    const before = tf.memory().numTensors;
    const name = Object.keys(saved.params)[0]!;
    const cases: [Uint8Array, string][] = [
      [
        encodeSafetensors({}),
        "decodeCheckpoint: expected a checkpoint of cfd-distill, got a file of format unknown",
      ],
      [encodeSafetensors({}, { format: "pt" }), "a checkpoint of cfd-distill, got a file of format pt"],
      [edit(bytes, { formatVersion: "2" }), "decodeCheckpoint: expected format version 1, got 2"],
      [edit(bytes, { network: undefined }), "network to be a network's config, got undefined"],
      [
        edit(bytes, { network: '{"type":"vit"}' }),
        'the checkpoint of a diffusion network, got {"type":"vit"}',
      ],
      [edit(bytes, { schedule: "{" }), "schedule in JSON"],
      [edit(bytes, { schedule: undefined }), "schedule, predictionType and steps"],
      [edit(bytes, { schedule: '{"type":"flat"}' }), "scheduleFromConfig"],
      [edit(bytes, { steps: "0.5" }), "steps to be a positive integer"],
      [edit(bytes, { rng: "{}" }), "rng to be a random state"],
      [edit(bytes, { statistics: '["no"]' }), "statistics among params, got no"],
      [
        edit(bytes, {}, (t) => (t.other = t[`params/${name}`]!)),
        "tensors in params/, ema/ or optimizer/SLOT/, got other",
      ],
      [edit(bytes, {}, (t) => Reflect.deleteProperty(t, `ema/${name}`)), `no "${name}"`],
      [edit(bytes, {}, (t) => Reflect.deleteProperty(t, `optimizer/expAvg/${name}`)), `no "${name}"`],
      [
        edit(bytes, {}, (t) => (t["optimizer/__proto__/x"] = t[`params/${name}`]!)),
        "tensors of the slots that the optimiser's metadata list, got optimizer/__proto__/x",
      ],
      [
        edit(bytes, { optimizer: undefined }),
        "tensors of the slots that the optimiser's metadata list, got optimizer/expAvg/",
      ],
      [
        edit(bytes, { optimizer: '{"type":"adam","step":2,"slots":["expAvg"]}' }),
        "tensors of the slots that the optimiser's metadata list, got optimizer/expAvgSq/",
      ],
      [
        edit(bytes, { optimizer: '{"type":"lion","step":2,"slots":["expAvg","expAvgSq"]}' }),
        "optimizer to be an optimiser's type, step and slots",
      ],
      [bytes.subarray(0, 7), "at least 8 bytes"],
      [bytes.subarray(0, bytes.length - 1), "bytes of tensors"],
    ];
    for (const [data, message] of cases) expect(() => decodeCheckpoint(data), message).toThrow(message);
    expect("x" in {}).toBe(false);
    expect(tf.memory().numTensors).toBe(before);
    tf.disposeVariables();
  });

  it("of weights that are another network's than the config says are refused", async () => {
    const saved = await midway();
    const bytes = await encodeCheckpoint(saved);
    const classifier = resnet({ blocks: [1], width: 2, classes: 2 });
    const theirs = await encodeCheckpoint({ network: classifier, params: classifier.init(createRng(0)) });
    const before = tf.memory().numTensors;
    const config = (change: object) => ({ network: JSON.stringify({ ...network.config, ...change }) });
    const cases: [Uint8Array, string][] = [
      [edit(bytes, config({ channels: 8 })), "instead of [8, 32]"],
      [edit(bytes, config({ blocks: 2 })), 'got no "downblocks.1.'],
      [edit(bytes, config({ classes: 3 })), 'got no "y_embedding.weight" [3, 16]'],
      [
        edit(bytes, config({ multipliers: [1, 1], attention: [1] })),
        'got no "downblocks.1.main.weight" [3, 3, 4, 4]',
      ],
      [edit(bytes, { imageShape: "[8,8,1]" }), "imageShape to have 3 channels, got [8, 8, 1]"],
      [
        edit(bytes, {}, (t) => (t["params/head.bias"] = { ...t["params/head.bias"]!, shape: [2, 2] })),
        'params with the entries of the network, got "head.bias" [2, 2] instead of [4]',
      ],
    ];
    for (const [data, message] of cases) {
      expect(() => decodeCheckpoint(data), message).toThrow("decodeCheckpoint: expected ");
      expect(() => decodeCheckpoint(data), message).toThrow(message);
    }
    expect(() =>
      decodeNetworkCheckpoint(edit(bytes, { network: JSON.stringify(classifier.config) })),
    ).toThrow(
      'decodeNetworkCheckpoint: expected params with the entries of the network, got no "conv1.weight"',
    );
    const all = JSON.parse(safetensorsMetadata(theirs).statistics!) as string[];
    for (const statistics of [[], all.slice(1)]) {
      expect(() => decodeNetworkCheckpoint(edit(theirs, { statistics: JSON.stringify(statistics) }))).toThrow(
        "decodeNetworkCheckpoint: expected every running mean and variance among statistics, got bn1.running_mean.",
      );
    }
    expect(tf.memory().numTensors).toBe(before);
    tf.disposeVariables();
  });

  it("whose numbers ask for more than there can be are refused at once", async () => {
    const bytes = await encodeCheckpoint(await midway());
    const huge = (change: object) =>
      edit(bytes, { network: JSON.stringify({ ...network.config, ...change }) });
    const cases: [Uint8Array, string][] = [
      [
        readFileSync("test/fixtures/checkpoints/meta-schedule-steps-1e9.safetensors"),
        "at most 1000000 steps, got 1000000000",
      ],
      [
        readFileSync("test/fixtures/checkpoints/meta-steps-1e9.safetensors"),
        "steps to be a positive integer of at most 1000000, got 1000000000",
      ],
      [edit(bytes, { imageShape: "[100000,100000,3]" }), "at most 268435456 numbers, got [100000,100000,3]"],
      [
        edit(bytes, { schedule: `{"type":"table","alphaBars":[${"1,".repeat(1_000_001)}0]}` }),
        "at most 1000000 values in schedule",
      ],
      [
        edit(bytes, { extra: "[".repeat(1e5) + "]".repeat(1e5) }),
        "at most 100 levels of brackets in extra, got 100000",
      ],
      [huge({ blocks: 500 }), "unet: expected at most 1000 blocks in all, got 1003"],
      [huge({ blocks: 30, multipliers: Array(17).fill(1) }), "unet: expected at most 16 levels, got 17"],
      [huge({ channels: 2 ** 40 }), "unet: expected a network of at most 2147483648 weights"],
      [huge({ multipliers: [2 ** 50] }), "unet: expected a network of at most 2147483648 weights"],
      [huge({ imageChannels: 1e9 }), "unet: expected a network of at most 2147483648 weights"],
      [huge({ classes: 1e12 }), "unet: expected a network of at most 2147483648 weights"],
      [huge({ attention: Array(1e5).fill(0) }), "unet: expected attention to be a list of levels"],
    ];
    for (const [data, message] of cases) {
      const started = performance.now();
      expect(() => decodeCheckpoint(data), message).toThrow(message);
      expect(performance.now() - started, message).toBeLessThan(2000);
    }
    tf.disposeVariables();
  });

  it("with objects where words and numbers are expected are refused", async () => {
    const bytes = await encodeCheckpoint(await midway());
    const odd = [
      '{"toString":1}',
      '{"type":{"toString":1}}',
      '{"__proto__":{"type":"unet"}}',
      '"constructor"',
      "[[]]",
      "null",
    ];
    for (const key of [
      "network",
      "schedule",
      "predictionType",
      "steps",
      "clip",
      "imageShape",
      "optimizer",
      "step",
      "rng",
      "stage",
      "statistics",
    ]) {
      for (const text of odd) {
        if (key === "stage" && text === '"constructor"') continue; // any word is one
        const loading = () => decodeCheckpoint(edit(bytes, { [key]: text }));
        expect(loading, `${key} ${text}`).toThrow(
          /^(decodeCheckpoint|scheduleFromConfig): expected [^]*, got [^]*\.$/,
        );
      }
    }
    for (const key of Object.keys(network.config)) {
      for (const value of [{ toString: 1 }, [{ valueOf: 1 }], "constructor", "8", null]) {
        const config = JSON.stringify({ ...network.config, [key]: value });
        const loading = () => decodeCheckpoint(edit(bytes, { network: config }));
        expect(loading, config).toThrow(/^(decodeCheckpoint|unet): expected [^]*, got [^]*\.$/);
      }
    }
    const schedules = [
      { type: "table", alphaBars: [{ toString: 1 }, "0"] },
      { type: "table", alphaBars: ["1", "0"] },
      { type: "cosine", s: { toString: 1 } },
      { type: "discreteCosine", steps: "8", s: 0, maxBeta: 0.9 },
      { type: "cosine", s: 0, tau: 1 },
    ];
    for (const config of schedules) {
      const text = JSON.stringify(config);
      expect(() => decodeCheckpoint(edit(bytes, { schedule: text })), text).toThrow(
        /^[a-zA-Z]+: expected [^]*, got [^]*\.$/,
      );
    }
    tf.disposeVariables();
  });
});
