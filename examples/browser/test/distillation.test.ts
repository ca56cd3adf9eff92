// What a saved distillation goes on with.
import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { cosineSchedule, createRng, disposeParams, encodeCheckpoint, unet, useBackend } from "cfd-distill";
import { beforeAll, expect, it } from "vitest";
import { imageSet } from "cfd-distill/data";
import { openDistillation } from "../distillation.js";
import type { Manifest } from "../../emoji/manifest.js";

const file = new URL("../../assets/models/manifest.json", import.meta.url);
const recipe = (JSON.parse(readFileSync(file, "utf8")) as Manifest).distillation;
const images = imageSet({ images: new Uint8Array(192), labels: [0], classes: ["one"], shape: [8, 8, 3] });
const settings = { method: "pd", steps: 2, seed: 1 } as const;

beforeAll(() => useBackend("cpu"));

/** A checkpoint of two steps. */
async function model(classes: number, side = 8): Promise<Uint8Array> {
  const shape = { channels: 8, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 };
  const network = unet({ ...shape, classes });
  const params = network.init(createRng(0));
  const told = { schedule: cosineSchedule(), predictionType: "x0", steps: 2 } as const;
  const bytes = await encodeCheckpoint({ ...told, network, params, imageShape: [side, side, 3] });
  disposeParams(params);
  return bytes;
}

it("is the student of the page's teacher; one of models that were replaced is refused, and nothing is left of it", async () => {
  const setup = { method: "pd", recipe, classifier: undefined, images } as const;
  const before = tf.memory().numTensors;
  const first = openDistillation({ ...setup, teacher: await model(1) }, settings);
  const saved = await first.checkpoint();
  first.dispose();
  openDistillation({ ...setup, teacher: await model(1) }, settings, saved).dispose();
  for (const teacher of [await model(2), await model(1, 16)]) {
    expect(() => openDistillation({ ...setup, teacher }, settings, saved)).toThrow(
      "This student was saved when the page had other models.",
    );
  }
  expect(tf.memory().numTensors).toBe(before);
});
