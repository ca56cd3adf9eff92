import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { cosineSchedule, discreteCosineSchedule, flowSchedule, useBackend } from "cfd-distill";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { parseArguments } from "../config/command-line.js";
import { type Halving, type RecipeConfig } from "../config/schema.js";
import { checkConfig } from "../config/check.js";
import { freeBytes, needed, roomOf } from "../plan/disk.js";
import { checkDisk, planOf } from "../plan/estimate.js";
import { configure } from "../plan/configure.js";
import { loadEmoji, readManifest } from "../../emoji/files.js";
import { openDirectory } from "../storage/directory.js";
import { chooseStages } from "../plan/stages.js";
import { halvings, shiftOf } from "../config/halvings.js";
import { presets, scaleSteps } from "../config/presets.js";
import { methodsOf } from "../measure/sampling.js";
import { teacherOf } from "../models/models.js";

const config = await configure(parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke"]));

describe("the teacher's schedule", () => {
  const data = loadEmoji();
  const scheduleOf = (settings: Partial<RecipeConfig>) =>
    teacherOf({ out: "runs/none", config: { ...config, ...settings }, data }).schedule.config;

  it("is the cosine of the presets, the authors' table where asked for or not said, or a flow", () => {
    const table = discreteCosineSchedule(config.teacherSteps).config;
    const unsaid = { ...config };
    delete unsaid.schedule;
    expect(scheduleOf({})).toEqual(cosineSchedule().config);
    expect(scheduleOf({ schedule: "table" })).toEqual(table);
    expect(teacherOf({ out: "runs/none", config: unsaid, data }).schedule.config).toEqual(table);
    expect(scheduleOf({ prediction: "flow" })).toEqual(flowSchedule().config);
    expect(presets["cifar10-cfd"].groundwork.schedule).toBe("table"); // of the networks that ship
  });
});

describe("the plan", () => {
  const { plan } = presets.quickstart.smoke;
  const names = (stages: readonly Halving[]) => stages.map(({ teacher, name }) => `${teacher} > ${name}`);

  it("halves by PD all the way and by CFD from cfdFrom on", () => {
    expect(names(halvings(16, { ...plan, cfdFrom: 8, pdTo: 2, cfdTo: 2 }))).toEqual([
      "teacher > pd-8",
      "pd-8 > pd-4",
      "pd-4 > pd-2",
      "pd-8 > cfd-4",
      "cfd-4 > cfd-2",
    ]);
  });

  it("begins CFD with the teacher itself where it has few steps", () => {
    expect(names(halvings(4, { ...plan, cfdFrom: 8, pdTo: 2, cfdTo: 1 }))).toEqual([
      "teacher > pd-2",
      "teacher > cfd-2",
      "cfd-2 > cfd-1",
    ]);
  });

  it("trains the students of two steps and of one longer, as the authors do", () => {
    const steps = halvings(8, { ...plan, pdTo: 1, lastLonger: 2 }).filter(({ method }) => method === "pd");
    expect(steps.map((stage) => stage.steps / plan.pd.steps)).toEqual([1, 2, 2]);
  });

  it("scales the training of every stage, down to one step", () => {
    const { smoke } = presets.quickstart;
    const longer = scaleSteps(smoke, 2.5);
    expect([longer.base.steps, longer.plan.pd.steps]).toEqual([
      Math.round(smoke.base.steps * 2.5),
      Math.round(smoke.plan.pd.steps * 2.5),
    ]);
    expect(scaleSteps(smoke, 1e-9).classifier.steps).toBe(1);
  });

  it("has the variants of an ablation as stages of one run, each with its name and label", async () => {
    const cifar = (preset: string) =>
      configure(parseArguments("cifar10-cfd", ["node", "cifar10-cfd", "--preset", preset]));
    const screen = (await cifar("screen")).halvings;
    expect(screen.slice(0, 3).map(({ name }) => name)).toEqual(["pd-8", "pd-4", "pd-2"]);
    const variants = screen.slice(3);
    expect(variants.every(({ seed }) => seed === 0)).toBe(true);
    expect(variants.every(({ teacher, studentSteps }) => teacher === "pd-2" && studentSteps === 1)).toBe(
      true,
    );
    expect(new Set(variants.map(({ steps, rate, batch }) => `${steps} ${rate} ${batch}`)).size).toBe(1);
    expect(variants.map(({ label }) => label)).toEqual(
      expect.arrayContaining(["PD", "CFD 1", "CFD 0.5, beta 0.003", "CFD 0.9 + PD", "PD, averaged"]),
    );
    expect(methodsOf(await cifar("screen")).map(({ label }) => label)).toContain("CFD 0.95, 1 step");
    const confirm = (await cifar("confirm")).halvings.slice(1);
    expect(confirm).toHaveLength(3 * 3 * 3);
    expect(names(confirm.slice(0, 4))).toEqual([
      "pd-8 > pd-seed-0-to-4",
      "pd-seed-0-to-4 > pd-seed-0-to-2",
      "pd-seed-0-to-2 > pd-seed-0-to-1",
      "pd-8 > pd-seed-1-to-4",
    ]);
    const chains = (await cifar("chains")).halvings.slice(1);
    expect(names(chains.filter(({ label }) => label === "PD, SNR + 1"))).toEqual([
      "pd-8 > pd-snr-1-to-4",
      "pd-snr-1-to-4 > pd-snr-1-to-2",
      "pd-snr-1-to-2 > pd-snr-1-to-1",
    ]);
    const shifted = chains.filter((one) => shiftOf(one) !== undefined);
    expect(shifted.map(({ studentSteps }) => studentSteps)).toEqual([32, 16, 8, 4, 2, 1]);
    expect(shifted[0]!.teacher).toBe("teacher");
    expect(methodsOf(await cifar("chains")).map(({ label }) => label)).toContain("PD, 8 steps");
  });

  it("has the arms that lead once more from a teacher of thirty epochs, none of it from elsewhere", async () => {
    const words = ["node", "cifar10-cfd", "--preset", "thirty"];
    const { halvings: arms, files, base, schedule } = await configure(parseArguments("cifar10-cfd", words));
    expect([files, schedule]).toEqual([{}, "cosine"]);
    expect((base.steps * base.batch) / 50_000).toBeGreaterThanOrEqual(30);
    expect(arms).toHaveLength(3 + 3 * 3 * 3 + 3 + 2 * 3 * 3);
    expect(names(arms.slice(0, 3))).toEqual(["teacher > pd-32", "pd-32 > pd-16", "pd-16 > pd-8"]);
    expect(names(arms.filter(({ label }) => label === "CFD 0.9 + PD, twice the noise, seed 2"))).toEqual([
      "pd-twice-the-noise-to-8 > cfd-0.9-pd-twice-the-noise-seed-2-to-4",
      "cfd-0.9-pd-twice-the-noise-seed-2-to-4 > cfd-0.9-pd-twice-the-noise-seed-2-to-2",
      "cfd-0.9-pd-twice-the-noise-seed-2-to-2 > cfd-0.9-pd-twice-the-noise-seed-2-to-1",
    ]);
    expect(new Set(arms.map(({ steps, rate, batch }) => `${steps} ${rate} ${batch}`)).size).toBe(1);
  });

  it("has the ways to one step at equal time, each from the teacher that ships, for each seed", async () => {
    const words = ["node", "cifar10-cfd", "--preset", "one-step"];
    const { halvings: arms, files, measured } = await configure(parseArguments("cifar10-cfd", words));
    expect(Object.keys(files)).toEqual(["teacher", "classifier"]);
    expect(measured).toBe(3334);
    const first = arms.filter(({ seed }) => seed === 0);
    expect([arms.length, first.length]).toEqual([3 * 16, 6 + 3 + 3 + 4]);
    expect(names(first.filter(({ label }) => label === "CFD + PD, seed 0"))).toEqual([
      "pd-seed-0-to-8 > cfd-pd-seed-0-to-4",
      "cfd-pd-seed-0-to-4 > cfd-pd-seed-0-to-2",
      "cfd-pd-seed-0-to-2 > cfd-pd-seed-0-to-1",
    ]);
    // Three halvings of PD before CFD; a step in steps of PD's, as measured.
    const costs = { PD: 1, CFD: 1.1, "CFD + PD": 1.1, "Consistency tuning": 0.8, VSD: 1.8, SiD: 2.7 };
    for (const [arm, cost] of Object.entries(costs)) {
      const stages = first.filter(({ label }) => label === `${arm}, seed 0`);
      const before = arm.startsWith("CFD") ? 3 * 300 : 0;
      const time = stages.reduce((sum, { steps }) => sum + cost * steps, before);
      expect(Math.abs(time - 6 * 300)).toBeLessThan(3);
    }
    const atOnce = first.filter(({ method }) => method === "consistency" || method === "score");
    expect(names(atOnce)).toEqual([
      "teacher > consistency-distillation-seed-0",
      "teacher > consistency-tuning-seed-0",
      "teacher > vsd-seed-0",
      "teacher > sid-seed-0",
    ]);
  });

  it("has the paper's numbers in the preset of that name", () => {
    const { base, classifier, plan: halving, teacherSteps } = presets["cifar10-cfd"].paper;
    expect([teacherSteps, base.steps, base.batch, base.rate, base.warmup]).toEqual([
      1024, 8e5, 128, 2e-4, 5000,
    ]);
    expect([classifier.steps, classifier.rate, classifier.schedule]).toEqual([300 * 391, 0.1, "tenths"]);
    const stages = halvings(teacherSteps, halving);
    expect(stages.find(({ name }) => name === "pd-8")).toMatchObject({
      steps: 10_000,
      rate: 5e-5,
      batch: 128,
    });
    expect(stages.find(({ name }) => name === "cfd-1")).toMatchObject({
      steps: 20_000,
      temperature: 0.9,
      beta: 0,
    });
  });

  it("chooses stages by name and group, in their order", () => {
    const chosen = chooseStages(config, ["picture", "cfd", "classifier"]);
    expect(chosen.map(({ name }) => name)).toEqual(["classifier", "cfd-2", "picture"]);
    expect(chooseStages(config, undefined).map(({ name }) => name)).toEqual([
      ...["teacher", "classifier", "pd-4", "pd-2", "cfd-2"],
      ...["samples", "evaluate", "picture"],
    ]);
    const file = { path: "other.pt", sha256: "" };
    const fromFile = chooseStages({ ...config, files: { classifier: file } }, ["teacher", "classifier"]);
    expect(fromFile.map(({ name, training }) => [name, training?.steps])).toEqual([
      ["classifier", undefined], // a wrong file shows before anything is trained
      ["teacher", config.base.steps],
    ]);
    expect(() => chooseStages(config, ["clasifier"])).toThrow("got clasifier (did you mean classifier?)");
  });
});

describe("the costs", () => {
  it("are told before: steps, time and checkpoints of each stage", async () => {
    const engine = await useBackend("wasm");
    const before = tf.memory().numTensors;
    const setup = { out: "runs/nowhere", config, data: loadEmoji() };
    const text = await planOf(setup, chooseStages(config, ["teacher", "cfd", "picture"]), engine);
    expect(text).toMatch(/teacher +6 steps of 4 +about \d+ s +1 MB/);
    expect(text).toMatch(/cfd-2 +3 steps of 4 +about \d+ s +1 MB/);
    expect(text).toContain("  picture\n");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("are refused where the disk has no room: checkpoints, samples, pictures, logs, and one copy", async () => {
    const setup = { out: join(tmpdir(), "no-such-run"), config, data: loadEmoji() };
    const roomFor = async (stages: readonly string[], free = 0) => {
      const refusal = await checkDisk(setup, chooseStages(config, stages), free).catch(
        (error: unknown) => (error as Error).message,
      );
      return refusal ?? "enough";
    };
    expect(await roomFor(["teacher"], await freeBytes(tmpdir()))).toBe("enough");
    expect(await roomFor(["teacher"])).toMatch(
      /^.*no-such-run: expected room for about \d+ MB \(checkpoints 1 MB, samples 0 MB, pictures 0 MB, logs \d+ MB, the copy that takes a file's place \d+ MB\), got 0 MB free: make room, or choose another place with --out\.$/,
    );
    const big = { ...config, measured: 100_000 };
    const many = { ...setup, config: big };
    const stages = chooseStages(big, undefined);
    // Six methods of 100,009 images of 28x28x3 bytes, and one of these files twice.
    const samples = 100_009 * 2352;
    await expect(checkDisk(many, stages, 7 * samples)).rejects.toThrow(
      /samples 1\.4 GB, .* the copy that takes a file's place 236 MB/,
    );
    await checkDisk(many, stages, 7 * samples + 4e7);
  });

  it("count what is there already as written", async () => {
    const out = await mkdtemp(join(tmpdir(), "room-"));
    await mkdir(join(out, "checkpoints"));
    const setup = { out, config, data: loadEmoji() };
    const stages = chooseStages(config, ["teacher"]);
    const whole = needed(roomOf(setup, stages, () => 1000)).bytes;
    await writeFile(join(out, "checkpoints", "teacher.safetensors"), Buffer.alloc(400));
    expect(needed(roomOf(setup, stages, () => 1000)).bytes).toBe(whole - 400);
    await writeFile(join(out, "checkpoints", "teacher.safetensors"), Buffer.alloc(1400));
    expect(needed(roomOf(setup, stages, () => 1000)).bytes).toBe(whole - 1000);
    await rm(out, { recursive: true });
  });
});

describe("the config", () => {
  it.each([
    [{ ...config, sed: 1 }, "unknown setting sed (did you mean seed?)"],
    [
      { ...config, seed: "1" },
      'seed: expected an integer from -9007199254740991 to 9007199254740991, got "1"',
    ],
    [{ ...config, base: { ...config.base, speed: 1 } }, "unknown setting base.speed"],
    [
      { ...config, base: { ...config.base, batch: 4, microBatches: 3 } },
      "base: a batch of 4 cannot be cut into 3 micro-batches",
    ],
    [
      { ...config, halvings: [...config.halvings.slice(0, -1), { ...config.halvings.at(-1), layers: 3 }] },
      "features of 3 layers need a ResNet of as many stages as the classifier",
    ],
    [
      { ...config, prediction: "flow", halvings: config.halvings.map((one) => ({ ...one, shift: 1 })) },
      "pd-4: shift is of a cosine schedule, and the prediction is flow",
    ],
    [
      { ...config, prediction: "flow", files: { teacher: { path: "t", sha256: "0".repeat(64) } } },
      "prediction is of a teacher that is trained, and files.teacher is another",
    ],
    [{ ...config, halvings: config.halvings.slice(1) }, "pd-2 learns from pd-4, which is no stage before it"],
    [
      { ...config, base: { ...config.base, weighting: { minSnr: 1, floor: 2 } } },
      "base: the floor of a weighting is at most its minSnr",
    ],
    [{ ...config, teacherSteps: 16 }, "pd-4 of 4 steps cannot halve teacher of 16 steps"],
    [{ ...config, halvings: [config.halvings[0], config.halvings[0]] }, "two stages are named pd-4"],
  ])("is refused if wrong: %#", (wrong, message) => {
    expect(() => checkConfig(wrong, "config.json")).toThrow(`config.json: ${message}.`);
  });
});

describe("the run's directory", () => {
  let home = "";
  const fresh = { resume: false, force: false };
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "recipe-"));
  });
  afterAll(() => rm(home, { recursive: true }));

  it("is taken when new, refused when it holds a run, resumed only with the same settings", async () => {
    const out = join(home, "run");
    await openDirectory(out, config, fresh);
    expect(JSON.parse(await readFile(join(out, "config.json"), "utf8"))).toEqual(config);
    await expect(openDirectory(out, config, fresh)).rejects.toThrow("already holds a run. Add --resume");
    await openDirectory(out, config, { resume: true, force: false });
    await writeFile(join(out, "config.json"), JSON.stringify({ ...config, parallel: 2 })); // of an earlier version
    await openDirectory(out, config, { resume: true, force: false });
    const other = { ...config, seed: 3 };
    await expect(openDirectory(out, other, { resume: true, force: false })).rejects.toThrow(
      "holds a run with other settings: seed was 0 and is now 3.",
    );
  });

  it("holds nothing of a write that was killed once it is opened again", async () => {
    const out = join(home, "killed");
    await mkdir(out);
    await writeFile(join(out, ".config.json.3.0.tmp"), "{");
    await openDirectory(out, config, fresh); // killed before it was a run: it starts
    await writeFile(join(out, "checkpoints", ".teacher.safetensors.3.5.tmp"), "half");
    await openDirectory(out, config, { resume: true, force: false });
    expect((await readdir(out, { recursive: true })).sort()).toEqual(["checkpoints", "config.json"]);
    const foreign = join(home, "foreign");
    await mkdir(foreign);
    for (const name of [".thesis.1.2.tmp", "thesis"]) await writeFile(join(foreign, name), "theirs");
    await expect(openDirectory(foreign, config, fresh)).rejects.toThrow("is not empty and holds no run");
    expect(await readdir(foreign)).toHaveLength(2);
  });

  it("with force loses what a run wrote and nothing else", async () => {
    const out = join(home, "forced");
    await openDirectory(out, config, fresh);
    await writeFile(join(out, "log.jsonl"), "{}\n");
    await writeFile(join(out, "report.html"), "");
    await mkdir(join(out, "tensorboard"));
    await writeFile(join(out, "notes.txt"), "mine");
    await openDirectory(out, { ...config, seed: 1 }, { resume: false, force: true });
    expect((await readdir(out)).sort()).toEqual(["checkpoints", "config.json", "notes.txt"]);
    expect(await readFile(join(out, "notes.txt"), "utf8")).toBe("mine");
  });

  it("is refused, even with force, when something else is in it; nothing to resume is an error", async () => {
    const out = join(home, "else");
    await mkdir(out);
    await expect(openDirectory(out, config, { resume: true, force: false })).rejects.toThrow(
      "holds no run to resume",
    );
    await writeFile(join(out, "thesis.txt"), "mine");
    await expect(openDirectory(out, config, { resume: false, force: true })).rejects.toThrow("is not empty");
    expect(await readFile(join(out, "thesis.txt"), "utf8")).toBe("mine");
  });
});

describe("the command line", () => {
  const parse = (...words: string[]) => parseArguments("quickstart", ["node", "quickstart", ...words]);
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("has defaults, and scales steps", async () => {
    const choice = parse("--preset", "scratch", "--seed", "7", "--steps-scale", "0.5");
    expect(choice).toMatchObject({ resume: false, force: false, dryRun: false });
    const chosen = await configure(choice);
    expect(chosen).toMatchObject({ preset: "scratch", seed: 7, engine: "wasm" });
    expect(chosen.base.steps).toBe(Math.round(presets.quickstart.scratch.base.steps / 2));
    expect(parse().out).toBe("runs/quickstart");
    expect(parse("--preset", "smoke").out).toBe("runs/quickstart-smoke");
    const cifar = parseArguments("cifar10-cfd", ["node", "cifar10-cfd", "--data", "DIR"]);
    expect([await configure(cifar), cifar.data]).toMatchObject([
      { recipe: "cifar10-cfd", preset: "tiny" },
      "DIR",
    ]);
  });

  it("changes the preset's engine and single settings, but by the number of threads nothing", async () => {
    expect(await configure(parse("--threads", "3"))).toEqual(await configure(parse()));
    expect(await configure(parse("--engine", "node"))).toMatchObject({ engine: "node" });
    const changed = await configure(parse("--set", "base.rate=1e-4", "--set", "halvings.0.steps=7"));
    expect([changed.base.rate, changed.halvings[0]!.steps]).toEqual([1e-4, 7]);
    const optional = ["base.weighting.floor=1", "halvings.0.emaDecay=0.9", "prediction=v"];
    expect(
      await configure(parse("--preset", "emoji", ...optional.flatMap((one) => ["--set", one]))),
    ).toMatchObject({
      base: { weighting: { minSnr: 5, floor: 1 } },
      halvings: [{ emaDecay: 0.9 }, {}, {}, {}, {}, {}, {}, {}, {}],
      prediction: "v",
    });
    await expect(configure(parse("--preset", "scratch", "--teacher-steps", "12"))).rejects.toThrow(
      "the teacher: 12 steps cannot be halved down to 1; add --teacher-steps 8, or another power of two,",
    );
    await expect(configure(parse("--set", "base.rat=1"))).rejects.toThrow(
      "--set base.rat=1: expected path=value with a setting of the config (did you mean base.rate?).",
    );
    await expect(configure(parse("--set", "base.rate=fast"))).rejects.toThrow(
      'the options: base.rate: expected a number from 1e-9 to 10, got "fast".',
    );
  });

  it("goes on from the networks that ship, with one more halving by each method", async () => {
    const { files, halvings: stages, teacherSteps } = await configure(parse());
    expect(stages.map(({ name }) => name)).toEqual([
      ...["pd-8", "pd-4", "pd-2", "pd-1", "cfd-4", "cfd-2", "cfd-1"],
      ...["pd-live", "cfd-live"],
    ]);
    const shipped = ["teacher", "classifier", ...stages.slice(0, -2).map(({ name }) => name)];
    expect(Object.keys(files)).toEqual(shipped);
    for (const stage of stages.slice(-2)) expect(stage.steps).toBeGreaterThanOrEqual(100);
    const manifest = readManifest();
    expect(["teacher", ...stages.slice(0, -2).map(({ name }) => name)]).toEqual(
      manifest.models.map(({ id }) => id),
    );
    expect(teacherSteps).toBe(manifest.models[0]!.steps);
    expect(loadEmoji().train.classes).toEqual(manifest.classes);
    await expect(configure(parse("--teacher", "ckpt.pt"))).rejects.toThrow(
      "--teacher: the preset quickstart goes on from students that ship",
    );
    await expect(configure(parse("--teacher-steps", "8"))).rejects.toThrow("--teacher-steps: the preset");
  });

  it("takes CIFAR-10, or a folder of pictures with their size", async () => {
    const cifar = (...words: string[]) => parseArguments("cifar10-cfd", ["node", "cifar10-cfd", ...words]);
    expect(await configure(cifar())).toMatchObject({ dataset: "cifar10" });
    const own = cifar("--dataset", "folder:cats");
    expect(own.dataset).toEqual({ folder: "cats" });
    expect(await configure(own)).toMatchObject({ dataset: "folder", imageSize: 32 });
    const small = await configure(cifar("--dataset", "folder:cats", "--image-size", "16"));
    expect(small).toMatchObject({ dataset: "folder", imageSize: 16 });
    await expect(configure(cifar("--image-size", "16"))).rejects.toThrow(
      "expected --dataset folder:DIR beside it",
    );
  });

  it("replays a saved config, and refuses a broken one", async () => {
    const home = await mkdtemp(join(tmpdir(), "config-"));
    const path = join(home, "config.json");
    await writeFile(path, JSON.stringify(config));
    expect(await configure(parse("--config", path))).toEqual(config);
    expect(await configure(parse("--config", path, "--seed", "3"))).toEqual({ ...config, seed: 3 });
    await writeFile(path, JSON.stringify({ ...config, parallel: 2 })); // as before the engine had threads
    expect(await configure(parse("--config", path))).toEqual(config);
    await writeFile(path, "{");
    await expect(configure(parse("--config", path))).rejects.toThrow(`${path}: expected JSON, got:`);
    await rm(home, { recursive: true });
  });

  it.each([
    [["--resum"], "unknown option '--resum'\n(Did you mean --resume?)"],
    [["--seed", "1.5"], "It must be an integer."],
    [["--steps-scale", "0"], "It must be a positive number."],
    [["--threads", "0"], "It must be at least 1."],
    [["--engine", "gpu"], "Allowed choices are wasm, cpu, node, cuda."],
    [["--config", "a.json", "--preset", "smoke"], "cannot be used with option '--preset <size>'"],
    [["--force", "--resume"], "cannot be used with option '--resume'"],
    [["extra"], "too many arguments"],
  ])("refuses %j", (words, message) => {
    let printed = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    vi.spyOn(process, "exit").mockImplementation((code) => {
      throw new Error(`exit ${String(code)}`);
    });
    expect(() => parse(...words)).toThrow("exit 1");
    expect(printed).toContain(message);
  });
});
