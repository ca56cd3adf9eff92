import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import {
  addNoise,
  cosineSchedule,
  createRng,
  denoisingLoss,
  disposeParams,
  drawTimes,
  encodeCheckpoint,
  noise,
  predict,
  sampleDdim,
  useBackend,
} from "cfd-distill";
import { drawBatch, imageSet } from "cfd-distill/data";
import { loadCheckpoint } from "cfd-distill/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../config/check.js";
import { parseArguments } from "../config/command-line.js";
import type { Halving, RecipeConfig } from "../config/schema.js";
import { drawSamples, methodsOf, readSamples, startsOf } from "../measure/sampling.js";
import { denoiserOf, loadModel } from "../models/models.js";
import { configure } from "../plan/configure.js";
import { planOf } from "../plan/estimate.js";
import { chooseStages, stagesOf } from "../plan/stages.js";
import { checkpointPath } from "../storage/setup.js";
import type { Run } from "../storage/run.js";
import { quietlyWithoutLeaks } from "./quietly.js";

const home = mkdtempSync(join(tmpdir(), "one-step-"));
/** Two images of 8x8 pixels. */
const images = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (37 * i) % 256);
const set = imageSet({ images, labels: [0, 1], classes: ["a", "b"], shape: [8, 8, 3] });
const data = { train: set, test: set };
const smoke = await configure(parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke"]));

const shared = {
  teacher: "teacher",
  studentSteps: 1,
  steps: 3,
  batch: 2,
  microBatches: 1,
  rate: 1e-3,
} as const;
const students: Halving[] = [
  { ...shared, method: "consistency", name: "distilled", distil: true, huber: 0.01 },
  { ...shared, method: "consistency", name: "tuned", distil: false, microBatches: 2 },
  { ...shared, method: "score", name: "vsd", variant: "vsd", microBatches: 2, emaDecay: 0.5 },
  { ...shared, method: "score", name: "sid", variant: "sid", alpha: 1.2 },
];
const one: RecipeConfig = {
  ...smoke,
  teacherSteps: 4,
  base: { ...smoke.base, batch: 2, rate: 0.01, warmup: 1 },
  halvings: students,
  saveEvery: 2,
};

function runOf(name: string, config: RecipeConfig = one): Run {
  const out = join(home, name);
  mkdirSync(join(out, "checkpoints"), { recursive: true });
  const signal = new AbortController().signal;
  const checked = checkConfig(config, "c.json");
  return { out, config: checked, data, rng: createRng(config.seed), signal, watchers: [] };
}
const bytesOf = (run: Run, name: string) => readFileSync(checkpointPath(run, name));
const stageOf = (run: Run, name: string) => stagesOf(run.config).find((stage) => stage.name === name)!;

/** What the log says of each step. */
function logOf({ out }: Run, stage: string): Record<string, number>[] {
  const lines = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as Record<string, number> & { stage: string });
  return entries.filter((entry) => entry.stage === stage && "loss" in entry);
}

let whole: Run;
beforeAll(async () => {
  await useBackend("wasm");
  vi.spyOn(console, "log").mockReturnValue(undefined);
  whole = runOf("whole");
  for (const { name } of [{ name: "teacher" }, ...students]) await stageOf(whole, name).run(whole);
}, 60_000);
quietlyWithoutLeaks();
afterAll(() => {
  rmSync(home, { recursive: true });
});

describe("a student that comes to one step at once", () => {
  it.each(students.map(({ name, method }) => [name, method]))(
    "%s begins as its teacher, and learns",
    async (name, method) => {
      const [student, teacher] = [await loadModel(whole, name), await loadModel(whole, "teacher")];
      expect([student.steps, student.predictionType]).toEqual([1, "x0"]);
      const moved = tf.tidy(() =>
        Object.entries(student.params).map(
          ([key, weight]) => tf.max(tf.abs(tf.sub(weight, teacher.params[key]!))).dataSync()[0]!,
        ),
      );
      // Adam moves a weight by about the rate at each of three steps, whose rates fall.
      expect(Math.max(...moved)).toBeLessThan(3 * 3 * shared.rate);
      expect(Math.max(...moved)).toBeGreaterThan(0.5 * shared.rate);
      const log = logOf(whole, name);
      expect(log.map(({ step }) => step)).toEqual([1, 2, 3]);
      for (const { loss, gradientNorm, criticLoss } of log) {
        expect([loss, gradientNorm].every(Number.isFinite)).toBe(true);
        expect(gradientNorm).toBeGreaterThan(0);
        expect(criticLoss! > 0).toBe(method === "score");
      }
      disposeParams(student.params);
      disposeParams(teacher.params);
    },
  );

  it("is called by its method, and its cost is told", async () => {
    expect(methodsOf(one).map(({ label }) => label)).toEqual([
      "Teacher (DDIM), 4 steps",
      "Teacher (DDIM), 1 step",
      ...["Consistency distillation, 1 step", "Consistency tuning, 1 step", "VSD, 1 step", "SiD, 1 step"],
    ]);
    const chosen = chooseStages(one, ["consistency", "score"]);
    expect(chosen.map(({ name }) => name)).toEqual(students.map(({ name }) => name));
    const text = await planOf({ out: "runs/nowhere", config: one, data }, chosen, await useBackend("wasm"));
    expect(text).toMatch(/tuned +3 steps of 2 +about \d+ s +1 MB/);
    expect(text).toMatch(/sid +3 steps of 2 +about \d+ s +2 MB/); // the critic's as well
  });

  it("learns from a teacher at neighbours of its own times", async () => {
    const teacher = await loadModel(whole, "teacher");
    const denoiser = denoiserOf(teacher, teacher.params); // the student as well, before its first step
    const rng = createRng(one.seed).fork("distilled").fork(0);
    const expected = tf.tidy(() => {
      const { schedule } = teacher;
      const times = drawTimes(rng, 2, 4);
      const { x0, labels } = drawBatch(data.train, rng, { batch: 2, flip: one.flip });
      const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
      const zt = addNoise(schedule, x0, eps, times);
      const [now, earlier] = [
        predict(denoiser, schedule, zt, times, { labels }),
        times.map((t) => t - 1 / 4),
      ];
      const later = earlier.map((t, i) => (t === 0 ? times[i]! : t)); // of what is said at 0 nothing is taken
      const z = addNoise(schedule, now.x0, now.eps, earlier);
      const before = predict(denoiser, schedule, z, later, { labels }).x0;
      const target = tf.stack(
        tf.unstack(z).map((clean, i) => (earlier[i] === 0 ? clean : tf.unstack(before)[i]!)),
      );
      const squares = tf.mean(tf.squaredDifference(now.x0, target), [1, 2, 3]);
      return tf
        .mean(
          squares
            .add(0.01 ** 2)
            .sqrt()
            .sub(0.01),
        )
        .dataSync()[0]!;
    });
    expect(expected).toBeGreaterThan(1e-4);
    expect(Math.abs(logOf(whole, "distilled")[0]!.loss! / expected - 1)).toBeLessThan(1e-3);
    disposeParams(teacher.params);
  });

  it("takes over what its teacher clips, and both are drawn so", async () => {
    const run = runOf("unclipped");
    const loaded = await loadCheckpoint(checkpointPath(whole, "teacher"));
    tf.tidy(() => {
      for (const weight of Object.values(loaded.ema!)) weight.assign(tf.mul(weight, 4)); // far beyond [-1, 1]
    });
    writeFileSync(checkpointPath(run, "teacher"), await encodeCheckpoint({ ...loaded, clip: false }));
    await stageOf(run, "tuned").run(run);
    const student = await loadCheckpoint(checkpointPath(run, "tuned"));
    expect([loaded.clip, student.clip]).toEqual([true, false]);
    await drawSamples(run);
    const { images } = await readSamples(run, { label: "", stage: "teacher", steps: 4 });
    const { seeds, labels } = startsOf(run);
    const zT = noise(seeds, [8, 8, 3]);
    const drawn = async (clip: boolean) => {
      const denoiser = denoiserOf(loaded, loaded.ema!);
      const found = await sampleDdim(denoiser, loaded.schedule, zT, { steps: 4, labels, clip });
      const bytes = Uint8Array.from(
        await found.data(),
        (x) => (Math.min(1, Math.max(-1, x)) + 1) * 127.5 + 0.5,
      );
      found.dispose();
      return Math.max(...bytes.map((byte, i) => Math.abs(byte - images[i]!)));
    };
    expect(await drawn(false)).toBeLessThanOrEqual(1); // of 255, in batches of another size
    expect(await drawn(true)).toBeGreaterThan(1);
    zT.dispose();
    for (const params of [loaded.params, loaded.ema!, student.params]) disposeParams(params);
  });

  it.each([
    ["flow", "flow", { type: "flow", shift: 1 }],
    ["v", "snrPlusOne", cosineSchedule().config],
  ] as const)("has a teacher of %s as well", async (prediction, weighting, ofSchedule) => {
    const other: RecipeConfig = {
      ...one,
      prediction,
      base: { ...one.base, weighting },
      halvings: students.map((student) => ({ ...student, steps: 1 })),
    };
    const run = runOf(prediction, other);
    await stageOf(run, "teacher").run(run);
    for (const { name } of students) {
      await stageOf(run, name).run(run);
      const { params, steps, predictionType, schedule } = await loadModel(run, name);
      expect([steps, predictionType, schedule.config]).toEqual([1, prediction, ofSchedule]);
      expect(logOf(run, name)[0]!.gradientNorm).toBeGreaterThan(0);
      disposeParams(params);
    }
  });
});

describe("the critic of a student", () => {
  it("learns to denoise the student's images, at the teacher's times, from noise of its own", async () => {
    const teacher = await loadModel(whole, "teacher");
    const denoiser = denoiserOf(teacher, teacher.params);
    const rng = createRng(one.seed).fork("sid").fork(0).fork("critic");
    const expected = tf.tidy(() => {
      const times = drawTimes(rng, 2, 4);
      const { labels: all } = data.train;
      const labels = [0, 1].map(() => all[rng.integer(all.length)]!);
      const [zT, eps] = [0, 1].map(() => tf.tensor4d(rng.normals(2 * 8 * 8 * 3), [2, 8, 8, 3]));
      const { schedule } = teacher;
      const x0 = predict(denoiser, schedule, zT!, [1, 1], { labels }).x0; // of a student that is the teacher yet
      return denoisingLoss({ denoiser, schedule, x0, eps: eps!, times, labels }).loss.dataSync()[0]!;
    });
    expect(Math.abs(logOf(whole, "sid")[0]!.criticLoss! / expected - 1)).toBeLessThan(1e-4);
    disposeParams(teacher.params);
  });

  it("is in the checkpoint: a run that was stopped ends with the bits of one that went through", async () => {
    const stop = new AbortController();
    const broken = runOf("broken");
    await stageOf(broken, "teacher").run(broken);
    const watcher = {
      where: "",
      show: () => Promise.resolve(),
      logged: ({ stage, step }: { stage?: unknown; step?: unknown }) => {
        if (stage === "vsd" && step === 1) stop.abort();
      },
    };
    const stopped = { ...broken, signal: stop.signal, watchers: [watcher] };
    await expect(stageOf(stopped, "vsd").run(stopped)).rejects.toThrow("aborted");
    expect(bytesOf(broken, "vsd").equals(bytesOf(whole, "vsd"))).toBe(false);
    await stageOf(broken, "vsd").run(broken);
    expect(logOf(broken, "vsd").map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(bytesOf(broken, "vsd").equals(bytesOf(whole, "vsd"))).toBe(true);
  });

  it("is missed where a checkpoint has none", async () => {
    const loaded = await loadCheckpoint(checkpointPath(whole, "vsd"));
    const { critic, ...slots } = loaded.optimizer!.slots;
    expect(Object.keys(slots)).toEqual(["expAvg", "expAvgSq", "critic expAvg", "critic expAvgSq"]);
    expect(Object.keys(critic!)).toEqual(Object.keys(loaded.params));
    const run = runOf("uncritical");
    await stageOf(run, "teacher").run(run);
    const bytes = await encodeCheckpoint({ ...loaded, optimizer: { ...loaded.optimizer!, slots } });
    writeFileSync(checkpointPath(run, "vsd"), bytes);
    await expect(stageOf(run, "vsd").run(run)).rejects.toThrow(
      `${checkpointPath(run, "vsd")}: expected a checkpoint of this stage, got one without a critic.`,
    );
    disposeParams(loaded.params);
    disposeParams(loaded.ema!);
  });
});

describe("a config is refused", () => {
  const [distilled, , vsd] = students;
  it.each<[string, object]>([
    ["halvings.0.studentSteps: expected 1, as it goes there at once, got 2", { ...vsd, studentSteps: 2 }],
    ["first comes to one step at once, as its teacher teacher does already", { ...vsd, name: "first" }],
    ["vsd learns from nobody, which is no stage before it", { ...vsd, teacher: "nobody" }],
    ["vsd: alpha is of sid, and the variant is vsd", { ...vsd, alpha: 1 }],
    ["unknown setting halvings.0.shift", { ...vsd, shift: 1 }],
    ["halvings.0.alpha: expected a number from 0 to 100, got -1", { ...vsd, variant: "sid", alpha: -1 }],
    ["halvings.0.huber: expected a number from 1e-9 to 1000, got 0", { ...distilled, huber: 0 }],
    ['halvings.0.name: expected a name that is not reserved, got "score"', { ...vsd, name: "score" }],
  ])("%s", (message, student) => {
    const teacherSteps = message.startsWith("first") ? 1 : 4;
    const config = { ...one, teacherSteps, halvings: [student] };
    expect(() => checkConfig(config, "c.json")).toThrow(`c.json: ${message}.`);
  });

  it("with two students of one kind that are called the same", () => {
    const twin = { ...one, halvings: [...students, { ...vsd!, name: "twin" }] };
    expect(() => checkConfig(twin, "c.json")).toThrow(
      "c.json: vsd and twin would be called the same: give each a label of its own.",
    );
  });
});
