import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { InvalidArgumentError } from "commander";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { draw } from "../../src/cli/sample/draw.js";
import { labelList, numberList, positive } from "../../src/cli/sample/numbers.js";
import type { Drawing } from "../../src/cli/sample/plan.js";
import {
  discreteCosineSchedule,
  disposeParams,
  encodeCheckpoint,
  loadGenerator,
  resnet,
  createRng,
  unet,
} from "../../src/index.js";
import { imageGrid } from "../../src/data/index.js";
import { livelyParams } from "../support/lively.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const folder = mkdtempSync(join(tmpdir(), "cfd-distill-sample-"));
const at = (name: string) => join(folder, name);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const sizes = { channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 2 };
const model = { schedule: discreteCosineSchedule(8), predictionType: "x0", steps: 2 } as const;

beforeAll(async () => {
  for (const [name, classes] of [
    ["student", { classes: 3 }],
    ["plain", {}],
  ] as const) {
    const network = unet({ ...sizes, ...classes });
    const params = livelyParams(network);
    const bytes = await encodeCheckpoint({
      ...{ ...model, network, params, imageShape: [6, 8, 3] as const },
      ...(name === "student" && { classNames: ["ant", "bee", "cat"] }),
    });
    writeFileSync(at(`${name}.safetensors`), bytes);
    disposeParams(params);
  }
  const judge = resnet({ blocks: [1], width: 2, classes: 2 });
  const weights = judge.init(createRng(0));
  writeFileSync(at("judge.safetensors"), await encodeCheckpoint({ network: judge, params: weights }));
  disposeParams(weights);
  writeFileSync(at("text.safetensors"), "text");
  writeFileSync(at("a.png"), PNG.sync.write(new PNG({ width: 2, height: 2 })));
});

const student = at("student.safetensors");
const usual: Drawing = {
  ...{ checkpoint: student, output: at("out.png"), force: true },
  ...{ seeds: [1, 2, 3], batch: 16, engine: "cpu" },
};
const ignore = () => undefined;

describe("the numbers that an option lists", () => {
  it.each([
    ["1..4", [1, 2, 3, 4]],
    ["1,5,9", [1, 5, 9]],
    ["3..4, -1,7..7", [3, 4, -1, 7]],
    ["-2..1", [-2, -1, 0, 1]],
  ])("%s", (text, expected) => {
    expect(numberList(text)).toEqual(expected);
  });

  it.each([
    ["", 'got ""'],
    ["1..", 'got "1.."'],
    ["1.5", "Expected whole numbers and ranges, such as 1..64 or 1,5,9, got"],
    ["9007199254740993", "Expected whole numbers"],
    ["64..1", 'Expected a range that rises, got "64..1"'],
    ["1..9007199254740991", "Expected at most 10000 numbers, got 9007199254740991"],
  ])("are not %s", (text, message) => {
    expect(() => numberList(text)).toThrow(InvalidArgumentError);
    expect(() => numberList(text)).toThrow(message);
  });

  it("may be names, for labels", () => {
    expect(labelList("0..1, cat face,-1")).toEqual([0, 1, "cat face", -1]);
    expect(() => labelList("1..")).toThrow('got "1.."');
  });

  it("and one that counts", () => {
    expect(positive("12")).toBe(12);
    for (const text of ["0", "-1", "1e3", "", "x"])
      expect(() => positive(text)).toThrow("a positive integer");
  });
});

/** The bytes of a grid that the library's own functions make. */
async function grid(seeds: number[], labels: number[] | undefined, steps: number, layout: object) {
  const generator = await loadGenerator(readFileSync(student));
  const images = await generator.sample({ seeds, steps, ...(labels && { labels }) });
  const picture = await imageGrid(images, { columns: 2, scale: 12, ...layout });
  expect([generator.classes, generator.classNames]).toEqual([3, ["ant", "bee", "cat"]]);
  generator.dispose();
  images.dispose();
  return picture;
}

/** A PNG's size and its colours without alpha. */
function read(path: string) {
  const { width, height, data } = PNG.sync.read(readFileSync(path));
  return { width, height, data: new Uint8Array(data.filter((_, i) => i % 4 < 3)) };
}

describe("the picture", () => {
  it("is the grid of the images, drawn in batches", async () => {
    const said: string[] = [];
    const line = await draw({ ...usual, batch: 2, labels: ["ant", -1, 2] }, (text) => said.push(text));
    expect(read(usual.output)).toEqual(await grid([1, 2, 3], [0, -1, 2], 2, {}));
    expect(line).toMatch(/out\.png: 3 images of 8x6 in 2 steps on cpu, \d+ ms each$/);
    const batches = ["images 1 to 2 of 3, step", "images 3 to 3 of 3, step"];
    expect(said).toEqual([...batches.flatMap((batch) => [`${batch} 1 of 2`, `${batch} 2 of 2`]), ""]);
  });

  it("is laid out as it is told to, in as many steps, with one label for all", async () => {
    await draw({ ...usual, labels: [1], steps: 1, columns: 3, scale: 2 }, ignore);
    expect(read(usual.output)).toEqual(await grid([1, 2, 3], [1, 1, 1], 1, { columns: 3, scale: 2 }));
  });

  it("of one image in one step is spoken of as such", async () => {
    const line = await draw({ ...usual, seeds: [7], steps: 1 }, ignore);
    expect(line).toContain(": 1 image of 8x6 in 1 step on cpu");
    expect(read(usual.output)).toEqual(await grid([7], [0], 1, { columns: 1 }));
  });

  it("is of all classes in turn unless told otherwise, and without labels where the model knows none", async () => {
    await draw({ ...usual, seeds: [1, 2, 3, 4], steps: 1 }, ignore);
    expect(read(usual.output)).toEqual(await grid([1, 2, 3, 4], [0, 1, 2, 0], 1, {}));
    const line = await draw({ ...usual, checkpoint: at("plain.safetensors"), steps: 1 }, ignore);
    expect(line).toContain(": 3 images of");
  });
});

describe("what is wrong is said before anything is drawn", () => {
  const refused: [string, Partial<Drawing>, string | RegExp][] = [
    ["no file", { checkpoint: at("none") }, /^sample: expected a file at \S+none, got nothing: there is no such file\.$/],
    ["another file", { checkpoint: at("text.safetensors") }, /^sample: expected a checkpoint of a diffusion model at \S+text\.safetensors, got text: text\.$/],
    ["a classifier", { checkpoint: at("judge.safetensors") }, "the checkpoint of a diffusion network, got a classifier's (resnet)."],
    ["a picture", { checkpoint: at("a.png") }, /^sample: expected a checkpoint of a diffusion model at \S+a\.png, got a PNG\.$/],
    ["a folder for a file", { checkpoint: folder }, `sample: expected a file at ${folder}, got a folder.`],
    ["more steps", { steps: 3 }, "sample: expected at most the 2 steps that the model was trained for, got 3."],
    ["a class too high", { labels: [3] }, "sample: expected labels from -1, for none, to 2, got 3."],
    ["a class too low", { labels: [-2] }, "sample: expected every label to be an integer >= -1, got -2."],
    ["two labels", { labels: [0, 1] }, "sample: expected one label, or 3, one a seed, got 2."],
    ["labels", { checkpoint: at("plain.safetensors"), labels: [0] }, "no labels, as the model knows no classes, got [0,0,0]."],
    ["no class of that name", { labels: ["dog"] }, "sample: expected labels among ant, bee, cat, got dog."],
    ["a name where there are none", { checkpoint: at("plain.safetensors"), labels: ["ant"] }, "labels by number, as the file has no names, got ant."],
    ["size", { scale: 10_000 }, "sample: expected a picture of at most 67108864 pixels (see --scale), got "],
    ["engine", { engine: "webgl" }, /^useBackend: .*browser/],
    ["a file in the way", { force: false }, /sample: expected a picture that is not there yet, or --force, got .*out\.png/],
    ["a folder", { output: folder }, "sample: expected a file to write, got the folder"],
    ["no folder", { output: at("none/a.png") }, /to be able to write into \S+none, got ENOENT/],
    ["a file as folder", { output: join(student, "a.png") }, /to be able to write into \S+student.safetensors, got ENOTDIR/],
  ]; // prettier-ignore

  it.each(refused)("%s", async (_, change, message) => {
    writeFileSync(usual.output, "before");
    const drawing = { ...usual, ...change };
    await expect(draw(drawing, () => expect.unreachable("nothing to draw"))).rejects.toThrow(message);
    expect(readFileSync(usual.output, "utf8")).toBe("before");
    await tf.setBackend("cpu");
  });
});

describe("the command", () => {
  const sample = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "src/cli/index.ts", "sample", ...args], {
      encoding: "utf8",
    });

  it("draws on wasm with nothing but a file's name, once", () => {
    const output = at("command.png");
    const { status, stdout, stderr } = sample(student, "-o", output, "--seeds", "1..5", "--labels", "-1");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/command\.png: 5 images of 8x6 in 2 steps on wasm, \d+ ms each\n$/);
    expect(read(output).width).toBe(2 + 3 * (12 * 8 + 2));
    expect(sample(student, "-o", output)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: `error: sample: expected a picture that is not there yet, or --force, got ${output}.\n`,
    });
  });

  it.each([
    [
      "--seeds",
      "5..1",
      "error: option '--seeds <list>' argument '5..1' is invalid. Expected a range that rises",
    ],
    ["--steps", "0", "error: option '--steps <n>' argument '0' is invalid. Expected a positive integer."],
    [
      "-o",
      "a.jpg",
      "error: option '-o, --output <png>' argument 'a.jpg' is invalid. Expected a name that ends in .png.",
    ],
    ["--engine", "abacus", "Allowed choices are cpu, wasm, webgl, webgpu, node, cuda."],
  ])("refuses %s %s", (option, value, message) => {
    const { status, stderr } = sample(student, option, value);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(existsSync("samples.png")).toBe(false);
  });
});
