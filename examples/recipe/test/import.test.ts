import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import {
  cloneParams,
  createRng,
  discreteCosineSchedule,
  disposeParams,
  resnet,
  tableSchedule,
  unet,
  useBackend,
} from "cfd-distill";
import {
  encodeSafetensors,
  readTorchCheckpoint,
  toFloat32,
  unetFromTorch,
  type StateDict,
} from "cfd-distill/formats";
import { imageSet } from "cfd-distill/data";
import { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint, saveDiffusers } from "cfd-distill/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseArguments } from "../config/command-line.js";
import { configure } from "../plan/configure.js";
import { loadEmoji } from "../../emoji/files.js";
import { importNetwork, readClassifier, readModel } from "../models/import.js";
import { fingerprint } from "../models/files.js";
import type { Setup } from "../storage/setup.js";

const home = mkdtempSync(join(tmpdir(), "import-"));
const at = (name: string) => join(home, name);
const size = { channels: 8, multipliers: [1], attention: [], blocks: 1, groups: 4, timeScale: 16 } as const;
const data = loadEmoji();
const options = (...words: string[]) =>
  parseArguments("quickstart", ["node", "quickstart", "--preset", "smoke", ...words]);

/** A run's place whose config has these words. */
async function setupOf(...words: string[]): Promise<Setup> {
  const out = mkdtempSync(at("run-"));
  mkdirSync(join(out, "checkpoints"));
  return { out, config: await configure(options(...words)), data };
}

/** A folder of diffusers of other images, whose size it may leave out. */
async function saveOther(
  folder: string,
  sides: readonly [number, number] | undefined,
  imageChannels: number,
) {
  const network = unet({ ...size, imageChannels });
  const params = network.init(createRng(3));
  const schedule = tableSchedule([0.999, 0.5, 0.1]);
  await saveDiffusers(folder, { network, params, schedule, predictionType: "eps", steps: 4, size: 28 });
  disposeParams(params);
  const path = join(folder, "unet/config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...config, sample_size: sides }));
}

beforeAll(async () => {
  await useBackend("wasm");
  const network = unet(size);
  const params = network.init(createRng(1));
  const ema = cloneParams(params);
  tf.tidy(() => {
    for (const variable of Object.values(ema)) variable.assign(tf.add(variable, 1));
  });
  const schedule = discreteCosineSchedule(16);
  const model = { network, params, schedule, predictionType: "x0", steps: 8 } as const;
  await saveCheckpoint(at("ours.safetensors"), { ...model, ema });
  await saveCheckpoint(at("other-size.safetensors"), { ...model, imageShape: [32, 32, 3] });
  const alphaBars = Array.from({ length: 11 }, (_, i) => 0.999 - 0.09 * i);
  await saveDiffusers(at("diffusers"), {
    ...model,
    schedule: tableSchedule(alphaBars),
    predictionType: "eps",
    size: 28,
  });
  disposeParams(params);
  disposeParams(ema);
  const trained = resnet({ blocks: [1], width: 4, classes: 18 });
  const weights = trained.init(createRng(2));
  await saveCheckpoint(at("classifier.safetensors"), { network: trained, params: weights });
  disposeParams(weights);
});
afterAll(() => {
  rmSync(home, { recursive: true });
});

describe("a teacher from elsewhere", () => {
  it("is the average of this library's checkpoint, with its schedule and steps", async () => {
    const before = tf.memory().numTensors;
    const setup = await setupOf("--teacher", at("ours.safetensors"));
    expect(setup.config.teacherSteps).toBe(8);
    expect(setup.config.halvings.map(({ name }) => name)).toEqual(["pd-4", "pd-2", "cfd-2"]);
    await importNetwork(setup, "teacher", setup.config.files.teacher!);
    const loaded = await loadCheckpoint(join(setup.out, "checkpoints", "teacher.safetensors"));
    const source = await loadCheckpoint(at("ours.safetensors"));
    expect([loaded.steps, loaded.schedule.config, loaded.imageShape]).toEqual([
      8,
      source.schedule.config,
      [28, 28, 3],
    ]);
    for (const [name, variable] of Object.entries(loaded.params)) {
      expect(await variable.data(), name).toEqual(await source.ema![name]!.data());
    }
    for (const params of [loaded.params, source.params, source.ema!]) disposeParams(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is the authors' base model, its average, or a student on the same grid", async () => {
    const base = await readModel({ path: "test/fixtures/authors/base.pt", groups: 2 });
    const student = await readModel({ path: "test/fixtures/authors/student.pt", groups: 2 });
    const said = [base, student].map(({ steps, schedule, predictionType }) => [
      steps,
      schedule.config,
      predictionType,
    ]);
    const { config } = discreteCosineSchedule(16);
    expect(said).toEqual([
      [16, config, "x0"],
      [4, config, "x0"],
    ]); // T and time_scale are 16 and 1, 4 and 4
    expect(student.network.config.timeScale).toBe(16);
    const tree = readTorchCheckpoint(readFileSync("test/fixtures/authors/base.pt")) as Record<
      string,
      StateDict
    >;
    const average = unetFromTorch(tree.ema_model!, { groups: 2 });
    for (const [name, variable] of Object.entries(base.params)) {
      expect(await variable.data(), name).toEqual(await average.params[name]!.data());
    }
    for (const { params } of [base, student, average]) disposeParams(params);
    await expect(readModel({ path: "test/fixtures/authors/resnet.pt" })).rejects.toThrow(
      "resnet.pt: unetFromTorch: expected",
    );
  });

  it("of diffusers says from how many DDIM steps to begin, where its own cannot be halved", async () => {
    await expect(configure(options("--teacher", at("diffusers")))).rejects.toThrow(
      "diffusers: 17 steps cannot be halved down to 1; add --teacher-steps 16, or another power of two,",
    );
    const setup = await setupOf("--teacher", at("diffusers"), "--teacher-steps", "4");
    await importNetwork(setup, "teacher", setup.config.files.teacher!);
    const loaded = await loadCheckpoint(join(setup.out, "checkpoints", "teacher.safetensors"));
    expect([loaded.steps, loaded.predictionType, loaded.clip]).toEqual([4, "eps", "x0"]);
    disposeParams(loaded.params);
  });

  it("of diffusers is of the data's size and channels", async () => {
    const found = await readModel({ path: at("diffusers") });
    expect(found.imageShape).toEqual([28, 28, 3]);
    disposeParams(found.params);
    const setup = await setupOf();
    const before = tf.memory().numTensors;
    for (const [name, size, imageChannels] of [
      ["wide", [28, 32], 3],
      ["grey", undefined, 1],
    ] as const)
      // prettier-ignore
      await saveOther(at(name), size, imageChannels);
    const teacher = (name: string) => importNetwork(setup, "teacher", { path: at(name) });
    await expect(teacher("wide")).rejects.toThrow("expected a model of 28x28x3 images, got 28x32x3.");
    await expect(teacher("grey")).rejects.toThrow("expected a model of images of 3 channels, got 1.");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("of the authors' is read with the groups that are said, which the others tell themselves", async () => {
    const base = "test/fixtures/authors/base.pt";
    const [groups, steps] = [["--teacher-groups", "2"], ["--teacher-steps", "4"]]; // prettier-ignore
    const { config } = await setupOf("--teacher", base, ...groups);
    expect([config.teacherSteps, config.files.teacher!.groups]).toEqual([16, 2]);
    expect((await setupOf("--teacher", base, ...steps)).config.files.teacher).toEqual(
      await fingerprint(base),
    );
    await expect(setupOf(...groups)).rejects.toThrow("--teacher-groups: expected --teacher beside it");
    for (const path of [at("ours.safetensors"), at("diffusers")])
      await expect(setupOf("--teacher", path, ...groups)).rejects.toThrow(
        `${path}: expected no number of groups, as it tells its own, got 2.`,
      );
  });

  it("in a file without T says what to do", async () => {
    const tree = readTorchCheckpoint(readFileSync("test/fixtures/authors/base.pt"));
    const { ema_model: weights } = tree as Record<string, StateDict>;
    writeFileSync(at("weights.safetensors"), encodeSafetensors(weights!));
    const before = tf.memory().numTensors;
    await expect(readModel({ path: at("weights.safetensors"), groups: 2 })).rejects.toThrow(
      "weights.safetensors: expected T beside the weights, a number of steps that divides 16, got undefined. Of a teacher " +
        "that is not the authors', read the weights with unetFromTorch and give the file that encodeCheckpoint makes of them.",
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it("of diffusers is another with other weights or settings beside them", async () => {
    cpSync(at("diffusers"), at("changed"), { recursive: true });
    const before = (await fingerprint(at("changed"))).sha256;
    expect(before).toBe((await fingerprint(at("diffusers"))).sha256);
    const files = (readdirSync(at("changed"), { recursive: true }) as string[]).filter((name) =>
      /\.(json|safetensors)$/.test(name),
    );
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const name of files) {
      const bytes = readFileSync(join(at("changed"), name));
      writeFileSync(join(at("changed"), name), Buffer.concat([bytes, Buffer.from(" ")]));
      expect((await fingerprint(at("changed"))).sha256, name).not.toBe(before);
      writeFileSync(join(at("changed"), name), bytes);
    }
  });

  it("is refused for other images, or where the file is not what it should be", async () => {
    const setup = await setupOf();
    const teacher = (path: string) => importNetwork(setup, "teacher", { path });
    await expect(teacher(at("other-size.safetensors"))).rejects.toThrow(
      "expected a model of 28x28x3 images, got 32x32x3.",
    );
    await expect(importNetwork(setup, "pd-4", { path: at("ours.safetensors") })).rejects.toThrow(
      "expected a student of 4 steps, got 8 steps.",
    );
    await expect(fingerprint(at("nowhere.pt"))).rejects.toThrow(
      "nowhere.pt: expected a file or a folder of diffusers",
    );
    await expect(fingerprint("/dev/null")).rejects.toThrow(
      "/dev/null: expected a file or a folder of diffusers, got a pipe, a socket or a device.",
    );
    mkdirSync(at("empty"));
    await expect(fingerprint(at("empty"))).rejects.toThrow("expected a folder of diffusers with");
    writeFileSync(at("text.pt"), "hello, this is text");
    await expect(readModel({ path: at("text.pt") })).rejects.toThrow(
      "text.pt: readTorchCheckpoint: expected a file of torch.save",
    );
  });
});

describe("a classifier from elsewhere", () => {
  it("takes the teacher's place in the run's folder, if it knows the data's classes", async () => {
    const setup = await setupOf(
      "--classifier",
      at("classifier.safetensors"),
      "--classifier-scaling",
      "cifar10",
    );
    expect(setup.config.classifierScaling!.mean).toEqual([0.4914, 0.4822, 0.4465]);
    await importNetwork(setup, "classifier", setup.config.files.classifier!);
    const loaded = await loadNetworkCheckpoint(join(setup.out, "checkpoints", "classifier.safetensors"));
    expect(loaded.network.config).toMatchObject({ type: "resnet", classes: 18 });
    disposeParams(loaded.params);
    const halves = data.train.labels.map((label) => label % 2);
    const train = imageSet({ ...data.train, labels: halves, classes: ["even", "odd"] });
    const other = { ...setup, out: mkdtempSync(at("other-")), data: { ...data, train } };
    await expect(importNetwork(other, "classifier", { path: at("classifier.safetensors") })).rejects.toThrow(
      "expected a classifier of the data's 2 classes, got 18.",
    );
  });

  it("is the authors' ResNet or DenseNet", async () => {
    for (const name of ["resnet", "densenet"]) {
      const { network, params } = await readClassifier(`test/fixtures/authors/${name}.pt`);
      expect(network.config).toMatchObject({ type: name, classes: 10 });
      disposeParams(params);
    }
  });

  it.each([
    ["model.pth", ""],
    ["net.pth", ""],
    ["net.pth", "#net"],
    ["net.safetensors", ""],
  ])("stands under any name, in a file of any kind that inspect reads: %s%s", async (name, where) => {
    const folder = "test/fixtures/classifiers";
    const tree = readTorchCheckpoint(readFileSync(`${folder}/net.pth`)) as { net: StateDict };
    writeFileSync(at("net.safetensors"), encodeSafetensors(tree.net));
    const path = `${name.endsWith(".pth") ? `${folder}/${name}` : at(name)}${where}`;
    const { network, params } = await readClassifier(path);
    expect(network.config).toMatchObject({ type: "resnet", shortcut: "projection" });
    const kernel = tree.net["fc.weight"] ?? tree.net["linear.weight"]!;
    const found = await params["fc.weight"]!.transpose().data();
    expect([...found]).toEqual([...toFloat32(kernel)]);
    disposeParams(params);
    const { sha256 } = await fingerprint(path);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("that is not there is named, as is one of several that is not", async () => {
    await expect(readClassifier("test/fixtures/classifiers/net.pth#best")).rejects.toThrow(
      'net.pth#best: stateDictIn: expected a state dict at "best", got "net".',
    );
    await expect(fingerprint(`${at("nowhere.pt")}#net`)).rejects.toThrow("got nothing there");
    for (const read of [readClassifier, (path: string) => readModel({ path })])
      await expect(read("/dev/null")).rejects.toThrow("expected a file, got a folder, a pipe or a device.");
    await expect(fingerprint("/dev/null")).rejects.toThrow(
      "/dev/null: expected a file or a folder of diffusers, got a pipe, a socket or a device.",
    );
  });

  it("is no U-Net", async () => {
    const before = tf.memory().numTensors;
    await expect(readClassifier(at("ours.safetensors"))).rejects.toThrow(
      "expected a classifier, got a U-Net.",
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
