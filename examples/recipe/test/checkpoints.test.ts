import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { cloneParams, createRng, disposeParams, encodeCheckpoint, sgd, useBackend } from "cfd-distill";
import { encodeSafetensors } from "cfd-distill/formats";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseArguments } from "../config/command-line.js";
import { configure } from "../plan/configure.js";
import { loadEmoji } from "../../emoji/files.js";
import { loadClassifierModel, loadModel, teacherOf } from "../models/models.js";
import { checkpointPath } from "../storage/setup.js";
import { checkNeeds, chooseStages, stagesOf } from "../plan/stages.js";
import { parseMeasurements } from "../report/report.js";
import { readSamples, startsOf } from "../measure/sampling.js";
import { train, type Stage } from "../stages/train.js";
import { type Run } from "../storage/run.js";
import { quietlyWithoutLeaks } from "./quietly.js";

const home = mkdtempSync(join(tmpdir(), "checkpoints-"));
const data = loadEmoji();
const words = (...more: string[]) =>
  parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke", ...more]);

async function runOf(name: string, ...more: string[]): Promise<Run> {
  const out = join(home, name);
  mkdirSync(join(out, "checkpoints"), { recursive: true });
  const config = await configure(words(...more));
  const signal = new AbortController().signal;
  return { out, config, data, rng: createRng(config.seed), signal, watchers: [] };
}
const stage = (run: Run, name: string) => stagesOf(run.config).find((one) => one.name === name)!;

let whole: Run;
beforeAll(async () => {
  await useBackend("wasm");
  vi.spyOn(console, "log").mockReturnValue(undefined);
  whole = await runOf("whole");
  for (const name of ["teacher", "classifier", "pd-4"]) await stage(whole, name).run(whole);
});
afterAll(() => {
  rmSync(home, { recursive: true });
});
quietlyWithoutLeaks();

/** A run that begins with a checkpoint of another. */
async function withCheckpoint(name: string, bytes: Uint8Array | string, ...more: string[]): Promise<Run> {
  const run = await runOf(`copy-${Math.random()}`, ...more);
  if (typeof bytes === "string") copyFileSync(checkpointPath(whole, bytes), checkpointPath(run, name));
  else writeFileSync(checkpointPath(run, name), bytes);
  return run;
}

/** The teacher's checkpoint, rewritten. */
async function rewritten(change: object): Promise<Uint8Array> {
  const loaded = await loadCheckpoint(checkpointPath(whole, "teacher"));
  try {
    return await encodeCheckpoint({ ...loaded, ...change });
  } finally {
    disposeParams(loaded.params);
    disposeParams(loaded.ema!);
  }
}

describe("a run goes on with its own checkpoints only", () => {
  it("with those that it saved", async () => {
    const run = await withCheckpoint("teacher", "teacher");
    const bytes = readFileSync(checkpointPath(run, "teacher"));
    await stage(run, "teacher").run(run);
    expect(readFileSync(checkpointPath(run, "teacher")).equals(bytes)).toBe(true);
  });

  it("not with another stage's, wherever one is read", async () => {
    const path = (run: Run, name: string) => checkpointPath(run, name);
    const run = await withCheckpoint("teacher", "pd-4");
    const message = `${path(run, "teacher")}: expected the checkpoint of the stage teacher, got one of pd-4.`;
    await expect(stage(run, "teacher").run(run)).rejects.toThrow(message);
    await expect(loadModel(run, "teacher")).rejects.toThrow(message);
    await expect(checkNeeds(run, stage(run, "pd-4"))).rejects.toThrow(message);
    const swapped = await withCheckpoint("classifier", "teacher");
    const other = `${path(swapped, "classifier")}: expected the checkpoint of the stage classifier, got one of teacher.`;
    await expect(stage(swapped, "classifier").run(swapped)).rejects.toThrow(other);
    await expect(loadClassifierModel(swapped)).rejects.toThrow(other);
    const shipped = readFileSync("examples/assets/models/teacher.safetensors");
    await expect(loadModel(await withCheckpoint("teacher", shipped), "teacher")).rejects.toThrow(
      "expected the checkpoint of the stage teacher, got one of no stage.",
    );
  });

  it.each(["seed=1", "base.rate=1e-3", "halvings.0.batch=2", "unet.blocks=2"])(
    "not with a run's of other settings: %s",
    async (setting) => {
      const run = await withCheckpoint("teacher", "teacher", "--set", setting);
      await expect(stage(run, "teacher").run(run)).rejects.toThrow(
        `${checkpointPath(run, "teacher")}: expected a checkpoint of this run, got one of other settings.`,
      );
    },
  );

  it("not with one that lacks a part, or has it of another moment", async () => {
    const cases: [string, object][] = [
      ["got one without its optimiser", { optimizer: undefined }],
      ["got one without averaged weights", { ema: undefined }],
      ["got step 7 of 6", { step: 7 }],
      ["got step undefined of 6", { step: undefined }],
      ["got an optimiser after 6 steps at step 5", { step: 5 }],
      ["got another random state", { rng: createRng(5).state() }],
      ["got another random state", { rng: undefined }],
      ["got another steps", { steps: 4 }],
      ["got another predictionType", { predictionType: "eps" }],
      ["got another imageShape", { imageShape: [8, 8, 3] }],
    ];
    for (const [message, change] of cases) {
      const bytes = await rewritten(change);
      const run = await withCheckpoint("teacher", bytes);
      await expect(stage(run, "teacher").run(run), message).rejects.toThrow(
        `${checkpointPath(run, "teacher")}: expected a checkpoint of this stage, ${message}.`,
      );
    }
  });

  it("not with one that is empty or cut, which it names", async () => {
    const bytes = readFileSync(checkpointPath(whole, "teacher"));
    for (const part of [bytes.subarray(0, 0), bytes.subarray(0, 100), bytes.subarray(0, -1)]) {
      const run = await withCheckpoint("teacher", part);
      await expect(stage(run, "teacher").run(run)).rejects.toThrow(checkpointPath(run, "teacher"));
    }
  });

  it("and imported ones are bound to their run like the others", async () => {
    const file = checkpointPath(whole, "classifier");
    const run = await runOf("imported", "--classifier", file);
    await stage(run, "classifier").run(run);
    await stage(run, "classifier").run(run);
    copyFileSync(checkpointPath(whole, "teacher"), checkpointPath(run, "classifier"));
    await expect(stage(run, "classifier").run(run)).rejects.toThrow("got one of teacher.");
    expect(chooseStages(run.config, ["classifier"])[0]!.training).toBeUndefined();
  });
});

describe("samples and reports", () => {
  it("that are empty, cut, of other sizes or of other weights are an error with the file's name", async () => {
    const run = await withCheckpoint("teacher", "teacher", "--set", "measured=4", "--set", "drawn=1");
    const own = { ...run, config: { ...whole.config } };
    const few = {
      ...own,
      data: { ...data, train: { ...data.train, classes: data.train.classes.slice(0, 1) } },
    };
    const method = { label: "Teacher", stage: "teacher", steps: 2 };
    const path = join(run.out, "samples", "teacher-in-2.safetensors");
    const weights = createHash("sha256")
      .update(readFileSync(checkpointPath(own, "teacher")))
      .digest("hex");
    const write = (count: number, notes: Record<string, string>) => {
      const shape = [count, 28, 28, 3];
      const pixels = new Uint8Array(count * 28 * 28 * 3).fill(7);
      const bytes = encodeSafetensors({ images: { dtype: "U8", shape, data: pixels } }, notes);
      mkdirSync(join(run.out, "samples"), { recursive: true });
      writeFileSync(path, bytes);
      return bytes;
    };
    const count = startsOf(few).seeds.length;
    const good = write(count, { weights, millisecondsPerImage: "1.5" });
    expect((await readSamples(few, method)).millisecondsPerImage).toBe(1.5);
    for (const part of [0, 5, good.length >> 1, good.length - 1]) {
      writeFileSync(path, good.subarray(0, part));
      await expect(readSamples(few, method)).rejects.toThrow(`${path}: decodeSafetensors: expected`);
    }
    write(count - 1, { weights, millisecondsPerImage: "1.5" });
    await expect(readSamples(few, method)).rejects.toThrow(
      `${path}: expected samples, U8 ${count}x28x28x3, and the time they took, got U8 ${count - 1}x28x28x3.`,
    );
    write(count, { weights });
    await expect(readSamples(few, method)).rejects.toThrow(`${path}: expected samples`);
    write(count, { weights: "0", millisecondsPerImage: "1.5" });
    await expect(readSamples(few, method)).rejects.toThrow(
      `${path}: expected samples of this run's teacher, got others`,
    );
  });

  it.skipIf(process.platform === "win32")("that are pipes or folders are not waited for", async () => {
    const choice = (path: string) =>
      configure(parseArguments("quickstart", ["node", "quickstart", "--config", path]));
    const path = join(home, "pipe.json");
    execFileSync("mkfifo", [path]);
    await expect(choice(path)).rejects.toThrow(`config: expected a file at ${path}, got a pipe (FIFO).`);
    await expect(choice(home)).rejects.toThrow(`config: expected a file at ${home}, got a folder.`);
  });

  it("of a report likewise", () => {
    const good = readFileSync("examples/assets/models/run/report.json");
    expect(parseMeasurements(good, "report.json").rows.length).toBeGreaterThan(3);
    expect(() => parseMeasurements(good.subarray(0, 0), "a/report.json")).toThrow(
      "a/report.json: expected JSON, got an empty file.",
    );
    expect(() => parseMeasurements(good.subarray(0, 900), "a/report.json")).toThrow(
      "a/report.json: expected JSON, got: ",
    );
    for (const other of ["{}", "null", '{"rows": []}', '{"rows": {}}', "[1]"]) {
      expect(() => parseMeasurements(Buffer.from(other), "r.json")).toThrow(
        "r.json: expected the report of a run",
      );
    }
  });
});

describe("files that a saved config names", () => {
  it("have to be what they were", async () => {
    const file = join(home, "extractor.safetensors");
    copyFileSync(checkpointPath(whole, "classifier"), file);
    const first = await configure(words("--classifier", file, "--extractor", file));
    const saved = join(home, "saved.json");
    writeFileSync(saved, JSON.stringify(first));
    const replay = () => configure(parseArguments("quickstart", ["node", "quickstart", "--config", saved]));
    expect(await replay()).toEqual(first);
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.of(0)]));
    const { sha256 } = first.files.classifier!;
    await expect(replay()).rejects.toThrow(`${file}: expected SHA-256 ${sha256}, got `);
    const { files, ...rest } = first;
    expect(Object.keys(files)).toEqual(["classifier"]);
    writeFileSync(saved, JSON.stringify({ ...rest, files: {} })); // the extractor's is left
    await expect(replay()).rejects.toThrow(`${file}: expected SHA-256 ${sha256}, got `);
    rmSync(file);
    await expect(replay()).rejects.toThrow(
      `${file}: expected a file or a folder of diffusers, got nothing there.`,
    );
  });
});

describe("a number that is not finite", () => {
  /** A stage of plain numbers: the loss is w squared, but at one step. */
  function stageOf(name: string, poison: { step: number; value: number }) {
    let step = -1;
    const { network } = teacherOf(whole);
    const params = network.init(createRng(0));
    const ema = cloneParams(params);
    const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
    const made: Stage = {
      ...{ name, title: name, params, optimizer, maxNorm: 1 },
      describe: { network },
      ema: { params: ema, decay: () => 0.5 },
      training: { steps: 6, batch: 2, microBatches: 2, rate: 0.1 },
      terms: (_, { from }) => {
        if (from === 0) step++;
        const factor = step === poison.step ? poison.value : 1;
        const squares = Object.values(params).map((weight) => tf.sum(tf.square(weight)));
        return { loss: tf.mul(tf.addN(squares), factor).asScalar() };
      },
    };
    const free = () => {
      disposeParams(params);
      disposeParams(ema);
      optimizer.dispose();
    };
    return { made, params, ema, optimizer, free };
  }

  it.each([NaN, Infinity, -Infinity, 3e38])(
    "(a loss times %d) stops the stage before it reaches a weight",
    async (value) => {
      const run = await runOf(`poison-${value}`);
      const { made, params, ema, optimizer, free } = stageOf("teacher", { step: 3, value });
      await expect(train(run, made)).rejects.toThrow(
        /^teacher: readTerms: expected every term to be finite, got .* at step 3\.$/,
      );
      const state = await optimizer.state();
      expect(state.step).toBe(3);
      for (const numbers of [...Object.values(params), ...Object.values(ema)])
        expect((await numbers.data()).every(Number.isFinite)).toBe(true);
      const [moments] = Object.values(state.slots);
      for (const { data } of Object.values(moments!))
        expect([...(data as Float32Array)].every(Number.isFinite)).toBe(true);
      free();
      const loaded = await loadNetworkCheckpoint(checkpointPath(run, "teacher"));
      expect(loaded.step).toBe(2);
      disposeParams(loaded.params);
      disposeParams(loaded.ema!);
      const again = stageOf("teacher", { step: -2, value });
      await train(run, again.made); // goes on from step 2
      const through = stageOf("teacher", { step: -2, value });
      await train(await runOf(`through-${value}`), through.made);
      for (const [key, weight] of Object.entries(again.params))
        expect(await weight.data()).toEqual(await through.params[key]!.data());
      again.free();
      through.free();
    },
  );

  it("is not saved either", async () => {
    const run = await runOf("statistics");
    const { made, params, free } = stageOf("classifier", { step: -2, value: 1 });
    const running = tf.tidy(() => tf.variable(tf.tensor1d([Infinity]), false));
    const ema = { ...made.ema!, params: cloneParams({ ...params, running }) };
    await expect(train(run, { ...made, params: { ...params, running }, ema })).rejects.toThrow(
      "classifier: readTerms: expected every term to be finite, got weightNorm = Infinity at step 2.",
    );
    running.dispose();
    disposeParams(ema.params);
    free();
  });
});
