import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from "../src/io/safetensors.js";
import { cloneParams, disposeParams } from "../src/models/params.js";
import { unet } from "../src/models/unet.js";
import { createRng } from "../src/rng.js";
import { discreteCosineSchedule } from "../src/schedules/table.js";
import { adam } from "../src/training/adam.js";
import {
  assignParams,
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
} from "../src/training/checkpoint.js";
import { sgd } from "../src/training/sgd.js";
import type { Params } from "../src/types.js";

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
    const params = { w: tf.variable(tf.scalar(1)), mean: tf.variable(tf.scalar(2), false) };
    for (const make of [() => sgd({ learningRate: 1, momentum: 0.5 }), () => sgd({ learningRate: 1 })]) {
      const optimizer = make();
      for (let step = 0; step < 2; step++) {
        const state = await optimizer.state();
        const loaded = decodeNetworkCheckpoint(await encodeCheckpoint({ network, params, optimizer: state }));
        const again = make();
        again.restore(loaded.optimizer!);
        expect((await again.state()).step).toBe(step);
        expect(loaded.params.mean?.trainable).toBe(false);
        optimizer.apply(params, { w: tf.scalar(1) });
        disposeParams(loaded.params);
        again.dispose();
      }
      optimizer.dispose();
    }
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
    const large = { w: tf.variable(tf.scalar(70000)) };
    await expect(encodeCheckpoint({ network, params: large }, { dtype: "F16" })).rejects.toThrow(
      'encodeCheckpoint: expected "w" within the range of F16, got 70000',
    );
    tf.disposeVariables();
  });

  it("are refused when parts do not belong together", async () => {
    const saved = await midway();
    const other = { w: tf.variable(tf.scalar(1)) };
    const cases: [object, string][] = [
      [{ ema: other }, "ema with the entries of params"],
      [
        { optimizer: { type: "adam", step: 1, slots: { expAvg: {} } } },
        "the optimiser's expAvg with the entries of",
      ],
      [{ params: {} }, "at least one weight in params"],
      [{ steps: 0 }, "steps to be a positive integer, got 0"],
      [{ predictionType: "x1" }, "predictionType to be x0, eps or v, got x1"],
      [{ clip: "all" }, "clip to be true, false or x0"],
      [{ imageShape: [8, 8] }, "imageShape to be [height, width, channels], got [8,8]"],
      [{ extra: { loss: NaN } }, "extra to be plain JSON, got NaN"],
      [{ rng: { identity: [1] } }, "rng to be a random state"],
      [{ step: -1 }, "step to be an integer >= 0"],
    ];
    for (const [part, message] of cases) {
      await expect(encodeCheckpoint({ ...saved, ...part }), message).rejects.toThrow(
        `encodeCheckpoint: expected ${message}`,
      );
    }
    await expect(encodeCheckpoint(saved, { dtype: "F64" as "F32" })).rejects.toThrow(
      "dtype F32 or F16, got F64",
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
        "the optimiser's __proto__",
      ],
      [bytes.subarray(0, 7), "at least 8 bytes"],
      [bytes.subarray(0, bytes.length - 1), "bytes of tensors"],
    ];
    for (const [data, message] of cases) expect(() => decodeCheckpoint(data), message).toThrow(message);
    expect("x" in {}).toBe(false);
    expect(tf.memory().numTensors).toBe(before);
    tf.disposeVariables();
  });

  it("of weights that are another network's than the config says do not run", async () => {
    const saved = await midway();
    const config = JSON.stringify({ ...network.config, channels: 8 });
    const loaded = decodeCheckpoint(edit(await encodeCheckpoint(saved), { network: config }));
    const zt = tf.ones<tf.Rank.R4>([1, 8, 8, 3]);
    expect(() => loaded.network.apply(loaded.params, zt, [0.5])).toThrow("unet.apply: expected ");
    zt.dispose();
    tf.disposeVariables();
  });
});

describe("assignParams", () => {
  it("loads weights, or says what differs and changes nothing", async () => {
    const params = { a: tf.variable(tf.scalar(1)), b: tf.variable(tf.ones([2])) };
    const same = { a: tf.variable(tf.scalar(3)), b: tf.variable(tf.zeros([2])) };
    assignParams(params, same);
    same.a.assign(tf.scalar(9));
    expect([...(await params.a.data()), ...(await params.b.data())]).toEqual([3, 0, 0]);
    const other = { a: same.a, c: tf.variable(tf.ones([3])) };
    expect(() => {
      assignParams(params, other);
    }).toThrow(
      'assignParams: expected the weights of this network, got no "b" [2], "c" [3] which does not belong there.',
    );
    expect([...(await params.a.data())]).toEqual([3]);
    tf.disposeVariables();
  });
});
