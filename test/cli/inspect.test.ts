import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspect } from "../../src/cli/inspect/inspect.js";
import { leavesOf } from "../../src/cli/inspect/leaves.js";
import { networksIn } from "../../src/cli/inspect/networks.js";
import { inspectionText } from "../../src/cli/inspect/text.js";
import {
  adam,
  cosineSchedule,
  createRng,
  disposeParams,
  encodeCheckpoint,
  resnet,
  unet,
} from "../../src/index.js";
import {
  encodeSafetensors,
  unetToTorch,
  type StateDict,
  type StoredTensor,
} from "../../src/formats/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const folder = mkdtempSync(join(tmpdir(), "cfd-distill-inspect-"));
const at = (name: string) => join(folder, name);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const network = unet({ channels: 32, multipliers: [1], attention: [], blocks: 1, timeScale: 8 });
const numbers = (...shape: number[]): StoredTensor => ({
  ...{ dtype: "F32", shape },
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
let authors: StateDict = {};
let weights = 0;

beforeAll(async () => {
  const params = network.init(createRng(0));
  authors = await unetToTorch(network, params);
  weights = Object.values(params).reduce((sum, { size }) => sum + size, 0);
  const optimizer = adam({ learningRate: 0.1 });
  const plain = { network, params, schedule: cosineSchedule(), predictionType: "v", steps: 4 } as const;
  const rest = { optimizer: await optimizer.state(), rng: createRng(1).state(), step: 7, stage: "halving 4" };
  const whole = { ...plain, ...rest, ema: params, imageShape: [8, 8, 3] as const, extra: { seed: 1 } };
  writeFileSync(at("whole.safetensors"), await encodeCheckpoint(whole));
  writeFileSync(at("bare.safetensors"), await encodeCheckpoint(plain, { dtype: "F16" }));
  optimizer.dispose();
  disposeParams(params);
  const judge = resnet({ blocks: [1], width: 2, classes: 2 });
  const judgeParams = judge.init(createRng(0));
  writeFileSync(at("judge.safetensors"), await encodeCheckpoint({ network: judge, params: judgeParams }));
  disposeParams(judgeParams);
  writeFileSync(at("authors.safetensors"), encodeSafetensors(authors, { note: "as trained" }));
  writeFileSync(at("others.safetensors"), encodeSafetensors({ "a\u001b[2J": numbers(2, 3) }));
  writeFileSync(at("text"), "a text that is no model");
  writeFileSync(at("empty"), "");
  writeFileSync(at("cut"), encodeSafetensors(authors).subarray(0, -1));
});

describe("a checkpoint of this library", () => {
  it("is told with all that it holds", async () => {
    const found = await inspect(at("whole.safetensors"));
    expect(found).toMatchObject({ kind: "checkpoint", network: network.config, weights, dtypes: ["F32"] });
    expect(found).toMatchObject({ ema: true, rng: true, optimizer: { type: "adam", step: 0 }, step: 7 });
    const { type, ...options } = network.config;
    const text = inspectionText(found);
    expect(
      text
        .split("\n")
        .slice(2)
        .every((line) => line.length <= 80),
    ).toBe(true); // the first has the path
    expect(inOneLine(text)).toBe(
      [
        `${at("whole.safetensors")}: a checkpoint of cfd-distill, ${bytesOf(found)} bytes`,
        "",
        `network           ${type}, ${settings(options)}`,
        `weights           ${weights.toLocaleString("en")} in F32`,
        "predicts          v",
        "sampling steps    4",
        "schedule          cosine, s 0",
        "clip              true",
        "images            8x8x3",
        "averaged weights  yes",
        "optimizer         adam, step 0",
        "random state      yes",
        "training steps    7",
        "stage             halving 4",
        'extra             {"seed":1}',
      ].join("\n"),
    );
  });

  it("may hold less", async () => {
    const bare = await inspect(at("bare.safetensors"));
    expect(bare).toMatchObject({ dtypes: ["F16"], ema: false, rng: false, steps: 4, predictionType: "v" });
    const text = inspectionText(bare);
    expect(text).toContain("averaged weights  no\noptimizer         no\nrandom state      no");
    expect(text).not.toMatch(/images|stage|extra|training steps/);
    const judge = inspectionText(await inspect(at("judge.safetensors")));
    expect(judge).toMatch(/network {11}resnet, blocks \[1\], width 2/);
    expect(judge).not.toMatch(/predicts|schedule|sampling steps/);
  });
});

/** Text whose columns' further lines are joined to their first. */
const inOneLine = (text: string) => text.replaceAll(/\n {2,}/g, " ");
const bytesOf = (found: object) => (found as { bytes: number }).bytes.toLocaleString("en");
const settings = (options: object) =>
  Object.entries(options)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");

describe("other files", () => {
  it("safetensors: its text, its tensors, and the network that they are", async () => {
    const withoutGroups = Object.fromEntries(
      Object.entries(network.config).filter(([key]) => key !== "groups"),
    );
    const found = await inspect(at("authors.safetensors"));
    expect(found).toMatchObject({
      kind: "safetensors",
      metadata: { note: "as trained" },
      networks: [{ name: "", reader: "unetFromTorch", network: withoutGroups, weights }],
      refusals: [],
    });
    const text = inOneLine(inspectionText(found, { all: true }));
    expect(text).toContain(
      `it is a network for unetFromTorch, of ${weights.toLocaleString("en")} weights: unet, channels 32`,
    );
    expect(text).toContain("; the groups of its norms are not in the file: give them to unetFromTorch");
    expect(text).toContain("\n\nnote  as trained\n\n");
    expect(text).toMatch(/\nhead\.weight +F32 {2}\[32, 3, 3, 3\]\n/);
  });

  it("a U-Net whose widths 32 does not divide", async () => {
    const small = unet({ channels: 12, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
    const params = small.init(createRng(0));
    writeFileSync(at("small.safetensors"), encodeSafetensors(await unetToTorch(small, params)));
    disposeParams(params);
    const found = await inspect(at("small.safetensors"));
    expect(found).toMatchObject({ networks: [{ reader: "unetFromTorch", network: { channels: 12 } }] });
    expect(JSON.stringify(found)).not.toContain('"groups"');
    expect(found).toMatchObject({ refusals: [] });
  });

  it("of many tensors the first, and their number", async () => {
    const text = inspectionText(await inspect(at("authors.safetensors")));
    const count = Object.keys(authors).length;
    const listed = text.split("\n").filter((line) => line.includes(" F32 "));
    expect(listed).toHaveLength(10);
    expect(count).toBeGreaterThan(10);
    expect(text).toMatch(
      new RegExp(`\n... of ${count} tensors of [\\d,]+ numbers in all; --tensors lists them$`),
    );
    expect(
      text
        .split("\n")
        .slice(1)
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });

  it("names what is not recognised, and obeys no name", async () => {
    const found = await inspect(at("others.safetensors"));
    expect(found).toMatchObject({
      networks: [],
      leaves: [{ name: "a\u001b[2J", dtype: "F32", shape: [2, 3] }],
    });
    const text = inOneLine(inspectionText(found));
    expect(text).toContain('it is not recognised: unetFromTorch: expected an entry "time_embedding.');
    expect(text).toContain("got a\\u001b[2J, ...");
    expect(text).toContain("it is not recognised: classifierFromTorch: expected a ResNet");
    expect(text).toMatch(/\n\na\\u001b\[2J {2}F32 {2}\[2, 3\]$/);
  });

  it("PyTorch's: every value and tensor by where it stands", async () => {
    const found = await inspect("test/fixtures/torch/everything.pt");
    expect(found).toMatchObject({ kind: "torch", bytes: 13173, networks: [] });
    const text = inspectionText(found, { all: true });
    expect(text).toMatch(/\noptimizer\/param_groups\/0\/betas +\[0\.9,0\.999\]\n/);
    expect(text).toMatch(/\nplain\/9 +1180591620717411303424\n/);
    expect(text).toMatch(/\nplain\/12 +2 bytes\n/);
    expect(text).toMatch(/\ndtypes\/bfloat16 +BF16 {2}\[3\]\n/);
    expect(text).toMatch(/\nreversed axes +F32 {3}\[4, 3, 2\]\n/);
    const legacy = await inspect("test/fixtures/torch/everything-legacy.pt");
    expect(legacy).toMatchObject({ kind: "torch", bytes: 5972 });
  });

  it("a folder of diffusers", async () => {
    const found = await inspect("test/fixtures/diffusers/ddim");
    expect(found).toMatchObject({
      kind: "diffusers",
      weights: 45259,
      predictionType: "eps",
      clip: "x0",
      size: 8,
    });
    expect(inOneLine(inspectionText(found))).toMatch(
      /^test\S+ddim: a folder of diffusers\n\nnetwork {3}unet, channels 8, .*\nweights {3}45,259\npredicts {2}eps\nschedule {2}table, alphaBars 1001 numbers\nclip {6}x0\nimages {4}8x8$/,
    );
  });
});

describe("a tree", () => {
  it("has its networks found wherever they stand", () => {
    const judge: StateDict = {
      ...{ "conv1.weight": numbers(2, 3, 3, 3), "fc.weight": numbers(4, 2), "fc.bias": numbers(4) },
      ...{ "layer1.0.conv1.weight": numbers(2, 2, 3, 3), "layer1.0.conv2.weight": numbers(2, 2, 3, 3) },
      ...norm("bn1"),
      ...norm("layer1.0.bn1"),
      ...norm("layer1.0.bn2"),
    };
    const before = tf.memory().numTensors;
    const { networks, refusals } = networksIn({
      step: 3,
      nets: [authors, { judge }],
      small: { a: numbers(1) },
    });
    expect(networks).toMatchObject([
      { name: "nets/0", reader: "unetFromTorch", weights },
      { name: "nets/1/judge", reader: "classifierFromTorch", network: { type: "resnet", classes: 4 } },
    ]);
    expect(refusals).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("tells once what stands in many places: a small file may refer to more than any memory holds", () => {
    let tree: StoredTensor | object = { weight: numbers(2) };
    for (let level = 0; level < 60; level++) tree = [tree, tree];
    const leaves = leavesOf(tree as never);
    expect(leaves).toHaveLength(61);
    const first = Array(60).fill(0).join("/");
    expect(leaves[0]).toEqual({ name: `${first}/weight`, dtype: "F32", shape: [2] });
    expect(leaves[1]).toEqual({ name: `${first.slice(0, -1)}1`, value: `the same as "${first}"` });
    expect(networksIn(tree as never).refusals).toHaveLength(2);
  });

  it("that is empty or one value is told as such", () => {
    expect(leavesOf({})).toEqual([{ name: "", value: "{}" }]);
    expect(leavesOf([1, "b", null])).toEqual([{ name: "", value: '[1,"b",null]' }]);
    expect(leavesOf("text")).toEqual([{ name: "", value: '"text"' }]);
    expect(networksIn({})).toEqual({ networks: [], refusals: [] });
  });
});

const norm = (name: string): StateDict =>
  Object.fromEntries(
    ["weight", "bias", "running_mean", "running_var"].map((key) => [`${name}.${key}`, numbers(2)]),
  );

describe("what is none of these is refused", () => {
  it.each([
    ["none", /^inspect: expected a file or folder at \S+none, got nothing: there is no such file\.$/],
    [
      "text",
      /PyTorch file or a folder of diffusers at \S+text, got readTorchCheckpoint: .*, got text: a text that is no model/,
    ],
    ["empty", /at \S+empty, got readTorchCheckpoint: .*, got 0 bytes: an empty file\.$/],
    ["cut", /at \S+cut, got decodeSafetensors: expected \d+ bytes of tensors, got \d+ bytes\.$/],
    [".", /got loadDiffusers: expected a folder of diffusers, with a config\.json/],
  ])("%s", async (name, message) => {
    await expect(inspect(at(name))).rejects.toThrow(message);
  });

  it("and a pickle that names what Python would run", async () => {
    await expect(inspect("test/fixtures/torch/namespace.pt")).rejects.toThrow(
      /namespace\.pt, got readTorchCheckpoint: .* would have to import and run, got argparse\.Namespace\.$/,
    );
  });
});

describe("the command", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "src/cli/index.ts", "inspect", ...args], {
      encoding: "utf8",
    });

  it("prints tables, or JSON", async () => {
    const found = await inspect(at("whole.safetensors"));
    expect(run(at("whole.safetensors"))).toMatchObject({
      status: 0,
      stderr: "",
      stdout: `${inspectionText(found)}\n`,
    });
    const { stdout, stderr } = run("--json", at("whole.safetensors"));
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(found)));
  });

  it("ends with status 1 and one line where there is nothing to tell", () => {
    const { status, stdout, stderr } = run(at("text"));
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^error: inspect: expected .*\n$/);
  });
});
