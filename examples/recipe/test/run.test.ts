import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParams, loadGenerator } from "cfd-distill";
import { loadCheckpoint } from "cfd-distill/node";
import { PNG } from "pngjs";
import { afterAll, describe, expect, it } from "vitest";
import { halvings } from "../config/halvings.js";
import { presets } from "../config/presets.js";
import type { Measurements } from "../measure/evaluate.js";
import { readFolder } from "./event-file.js";

const home = mkdtempSync(join(tmpdir(), "recipe-run-"));
afterAll(() => {
  rmSync(home, { recursive: true });
});

const stages = ["teacher", "classifier", "pd-4", "pd-2", "cfd-2"];

/** Runs the quickstart as a program, at smoke size; `until` the log has so many lines of a stage, then `signal`. */
function quickstart(
  out: string,
  words: readonly string[],
  stop?: { stage: string; lines: number; signal: NodeJS.Signals },
  preset: readonly string[] = ["--preset", "smoke"],
): Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }> {
  const program = ["--import", "tsx", "examples/quickstart.ts", ...preset];
  const child = spawn(process.execPath, [...program, "--out", out, ...words]);
  let output = "";
  const gather = (text: Buffer) => (output += text.toString());
  child.stdout.on("data", gather);
  child.stderr.on("data", gather);
  const timer = setInterval(() => {
    if (stop === undefined || linesOf(out, stop.stage) < stop.lines) return;
    child.kill(stop.signal);
    clearInterval(timer);
  }, 2);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(timer);
      resolve({ code, signal, output });
    });
  });
}

function linesOf(out: string, stage: string): number {
  const path = join(out, "log.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split(`{"stage":"${stage}","step"`).length - 1 : 0;
}

/** The checkpoints of two runs are the same files. */
function expectSame(a: string, b: string): void {
  for (const stage of stages) {
    const bytes = (out: string) => readFileSync(join(out, "checkpoints", `${stage}.safetensors`));
    expect(bytes(a).equals(bytes(b)), `the checkpoint of ${stage}`).toBe(true);
  }
}

/** What the log says of each step of a stage. */
function logOf(out: string, stage: string): Record<string, number>[] {
  const lines = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { stage?: string; loss?: number });
  return entries.filter((entry) => entry.stage === stage && entry.loss !== undefined) as Record<
    string,
    number
  >[];
}

function lossesOf(out: string, stage: string): number[] {
  return logOf(out, stage).map(({ loss }) => loss!);
}

describe("the quickstart at smoke size, on wasm", () => {
  const whole = join(home, "whole");
  const watched = ["--html", "--tensorboard"];

  it(
    "stopped and resumed in other threads gives the bits of a run that went through",
    { timeout: 120_000 },
    async () => {
      const broken = join(home, "broken");
      const through = quickstart(whole, []);
      const stop = { stage: "teacher", lines: 3, signal: "SIGINT" } as const;
      const stopped = await quickstart(broken, [...watched, "--threads", "1"], stop);
      expect(stopped.output).toMatch(/To go on: npm run quickstart -- .*--resume/);
      expect(stopped.code).toBe(130);
      expect(existsSync(join(broken, "student.safetensors"))).toBe(false);
      expect(readFileSync(join(broken, "report.html"), "utf8")).toContain(": stopped</title>");
      expect(await quickstart(broken, [...watched, "--threads", "3", "--resume"])).toMatchObject({ code: 0 });
      expect(await through).toMatchObject({ code: 0 });
      expect((await through).output).toContain("Frechet distance");

      expectSame(broken, whole);
      expect(readdirSync(join(whole, "checkpoints")).length).toBe(stages.length); // no temporary file is left
      const repeated = await quickstart(whole, []);
      expect(repeated).toMatchObject({ code: 1 });
      expect(repeated.output).toContain("already holds a run");
      await checkResults(whole);
      checkWatched(broken, whole);
    },
  );

  it(
    "measures on another classifier, and trains its own as the paper does",
    { timeout: 120_000 },
    async () => {
      const out = join(home, "measured");
      const words = [
        "--set",
        "classifier.augment=paper",
        "--extractor",
        "test/fixtures/authors/resnet.pt:cifar10",
      ];
      const through = await quickstart(out, words);
      expect(through).toMatchObject({ code: 0 });
      await checkResults(out);
      expect(through.output).toContain("features of resnet, which no method was trained with; not an FID");
      const { extractors } = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Measurements;
      expect(extractors.map(({ extractor, methods }) => [extractor, methods.length])).toEqual([
        ["resnet", 6],
      ]);
      const { testImages, methods } = extractors[0]!;
      for (const { frechet, kernel, precision, recall } of [testImages, ...methods]) {
        expect(frechet).toBeGreaterThan(0);
        expect(kernel.standardError).toBeGreaterThanOrEqual(0);
        for (const share of [precision, recall]) expect(share).toBeGreaterThanOrEqual(0);
      }
    },
  );

  it("runs stages alone, and a batch in micro-batches", { timeout: 60_000 }, async () => {
    const parts = join(home, "parts");
    const settings = [
      "base.microBatches=2",
      "halvings.1.consistency=true",
      ...["halvings.0.shift=0.7", "halvings.1.shift=0.7", "halvings.2.shift=0.7"],
      "halvings.2.pixels=0.5",
      "halvings.2.layers=2",
      "halvings.2.emaDecay=0.9",
    ];
    const words = settings.flatMap((setting) => ["--set", setting]);
    expect(await quickstart(parts, [...words, "--stages", "teacher"])).toMatchObject({ code: 0 });
    expect(readdirSync(join(parts, "checkpoints"))).toEqual(["teacher.safetensors"]);
    const early = await quickstart(parts, [...words, "--resume", "--stages", "cfd"]);
    expect(early).toMatchObject({ code: 1 });
    expect(early.output).toContain("cfd-2 needs the stage pd-4 first");
    const rest = await quickstart(parts, [...words, "--resume", "--stages", "classifier,pd,cfd"]);
    expect(rest).toMatchObject({ code: 0 });
    const { pixels, feature, feature1, loss } = logOf(parts, "cfd-2").at(-1)!;
    for (const term of [pixels, feature1]) expect(term).toBeGreaterThan(0);
    expect(Math.abs(loss! - feature! - feature1! - 0.5 * pixels!)).toBeLessThan(1e-5 * loss!);
    const student = await loadCheckpoint(join(parts, "checkpoints", "cfd-2.safetensors"));
    const [name] = Object.keys(student.params);
    expect(student.ema![name!]!.dataSync()).not.toEqual(student.params[name!]!.dataSync());
    disposeParams(student.params);
    disposeParams(student.ema!);
  });

  it(
    "a teacher that predicts the flow comes down to one step, by PD and by CFD",
    { timeout: 60_000 },
    async () => {
      const out = join(home, "flow");
      const { plan, ...smoke } = presets.quickstart.smoke;
      const of = { recipe: "quickstart", engine: "wasm", seed: 0, files: {} };
      const flow = { teacherSteps: 2, prediction: "flow", base: { ...smoke.base, weighting: "flow" } };
      const config = { ...of, ...smoke, ...flow, halvings: halvings(2, { ...plan, pdTo: 1, cfdTo: 1 }) };
      const path = join(home, "flow.json");
      writeFileSync(path, JSON.stringify(config));
      const words = ["--config", path, "--stages", "teacher,classifier,pd,cfd"];
      expect(await quickstart(out, words, undefined, [])).toMatchObject({ code: 0 });
      for (const [stage, steps] of Object.entries({ teacher: 2, "pd-1": 1, "cfd-1": 1 })) {
        const model = await loadCheckpoint(join(out, "checkpoints", `${stage}.safetensors`));
        const { schedule, predictionType } = model;
        expect([schedule.config, predictionType, model.steps]).toEqual([
          { type: "flow", shift: 1 },
          "flow",
          steps,
        ]);
        expect(logOf(out, stage).every(({ loss, gradientNorm }) => loss! > 0 && gradientNorm! > 0)).toBe(
          true,
        );
        disposeParams(model.params);
        if (model.ema) disposeParams(model.ema);
      }
    },
  );

  it("trains on the same batches, whole or in micro-batches", () => {
    const [one, other] = [lossesOf(whole, "teacher"), lossesOf(join(home, "parts"), "teacher")];
    expect(other.length).toBe(6);
    other.forEach((loss, step) => {
      expect(Math.abs(loss / one[step]! - 1)).toBeLessThan(1e-3); // from 1e-7 up, a little more with each step
    });
  });
});

/** The page and TensorBoard's files of one run tell of another the same, and once. */
function checkWatched(out: string, other: string): void {
  const page = readFileSync(join(out, "report.html"), "utf8");
  expect(page).toContain(": finished</title>");
  expect(page.split("<svg").length - 1).toBe(stages.length);
  const picture = readFileSync(join(out, "samples.png"));
  expect(page).toContain(picture.toString("base64"));
  for (const stage of stages) {
    const events = readFolder(join(out, "tensorboard", stage));
    const losses = events.flatMap(({ scalars, step }) => ("loss" in scalars ? [[step, scalars.loss]] : []));
    expect(losses, stage).toEqual(lossesOf(other, stage).map((loss, i) => [i + 1, Math.fround(loss)]));
  }
  const images = readFolder(join(out, "tensorboard", "samples")).flatMap((event) =>
    Object.values(event.images),
  );
  expect(images.map(({ bytes }) => bytes.equals(picture))).toEqual([true]);
}

/** The picture shows something, the numbers are numbers, and the student draws. */
async function checkResults(out: string): Promise<void> {
  const picture = PNG.sync.read(readFileSync(join(out, "samples.png")));
  expect(picture.width).toBeGreaterThan(400);
  expect(new Set(picture.data).size).toBeGreaterThan(100);

  const losses = PNG.sync.read(readFileSync(join(out, "losses.png")));
  expect(losses.width).toBeGreaterThan(700); // a panel for each of five stages

  const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as {
    rows: { method: string; frechet: number; toTeacher: number; millisecondsPerImage: number }[];
  };
  expect(report.rows.map(({ method }) => method)).toEqual([
    "Teacher (DDIM), 8 steps",
    "Teacher (DDIM), 4 steps",
    "PD, 4 steps",
    "Teacher (DDIM), 2 steps",
    "PD, 2 steps",
    "CFD, 2 steps",
  ]);
  expect(report.rows[0]!.toTeacher).toBe(0);
  for (const { frechet, millisecondsPerImage } of report.rows) {
    expect(frechet).toBeGreaterThan(0);
    expect(millisecondsPerImage).toBeGreaterThan(0);
  }

  await tf.setBackend("cpu");
  const generator = await loadGenerator(new Uint8Array(readFileSync(join(out, "student.safetensors"))));
  expect([generator.steps, generator.imageShape]).toEqual([2, [28, 28, 3]]);
  const images = await generator.sample({ seeds: [1], labels: [0] });
  expect(images.shape).toEqual([1, 28, 28, 3]);
  images.dispose();
  generator.dispose();
}
