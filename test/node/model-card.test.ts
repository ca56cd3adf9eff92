import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { loadCheckpoint, saveModel } from "cfd-distill/node";
import { PNG } from "pngjs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRng, discreteCosineSchedule, disposeParams, loadGenerator, unet } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cfd-model-"));
});
afterEach(() => rm(folder, { recursive: true }));

function model() {
  const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
  const params = network.init(createRng(0));
  const imageShape = [8, 8, 3] as const;
  return {
    network,
    params,
    schedule: discreteCosineSchedule(8),
    predictionType: "x0",
    steps: 2,
    imageShape,
  } as const;
}

const card = {
  name: "Faces",
  description: "Small faces.",
  license: "cc-by-4.0",
  numbers: { "distance | 1,000": 3.5 },
};

it("writes weights that sample, the config, the picture and a card with the numbers", async () => {
  const student = model();
  const samples = PNG.sync.write(new PNG({ width: 2, height: 2 }));
  await saveModel(folder, student, { ...card, samples });
  expect(readdirSync(folder).sort()).toEqual([
    "README.md",
    "config.json",
    "model.safetensors",
    "samples.png",
  ]);
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as object;
  expect(config).toMatchObject({
    network: { type: "unet" },
    schedule: { steps: 8 },
    steps: 2,
    imageShape: [8, 8, 3],
  });
  const readme = await readFile(join(folder, "README.md"), "utf8");
  expect(readme).toMatch(/^---\nlicense: "cc-by-4.0"\n/);
  expect(readme).toContain("# Faces\n\nSmall faces.\n\n![Samples](samples.png)");
  expect(readme).toContain("| distance \\| 1,000 | 3.5 |");
  expect(readme).toMatch(/weights, x0 prediction, for 2 sampling steps\./);
  const again = await loadCheckpoint(join(folder, "model.safetensors"));
  const [stored, given] = [
    await again.params["head.weight"]!.data(),
    await student.params["head.weight"]!.data(),
  ];
  expect([...stored]).toEqual([...given]);
  const generator = await loadGenerator(await readFile(join(folder, "model.safetensors")));
  const images = await generator.sample({ seeds: [1] });
  expect(images.shape).toEqual([1, 8, 8, 3]);
  disposeParams(student.params);
  disposeParams(again.params);
  generator.dispose();
  tf.dispose(images);
});

it("writes nothing if the card is not complete or the picture is none", async () => {
  const student = model();
  const target = join(folder, "new");
  await expect(saveModel(target, student, { ...card, license: " " })).rejects.toThrow(
    /saveModel: expected a license/,
  );
  const samples = Uint8Array.of(1, 2, 3);
  await expect(saveModel(target, student, { ...card, samples })).rejects.toThrow(/the bytes of a PNG/);
  expect(existsSync(target)).toBe(false);
  disposeParams(student.params);
});
