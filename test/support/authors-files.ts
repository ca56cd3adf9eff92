// What scripts/reference/make_authors_files.py wrote into a folder, used as its user would.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";
import { classifier, denoiser, discreteCosineSchedule, disposeParams, sampleDdim } from "../../src/index.js";
import {
  classifierFromTorch,
  decodeSafetensors,
  readTorchCheckpoint,
  toFloat32,
  unetFromTorch,
  type StateDict,
  type StoredTensor,
} from "../../src/formats/index.js";
import { differenceOf } from "./difference.js";

/** A checkpoint of the authors' code: state dicts by name, fixed noise, and how the network is sampled. */
interface Checkpoint {
  readonly net_model: StateDict;
  readonly ema_model: StateDict;
  readonly model: StateDict;
  readonly x_T: StoredTensor;
  readonly T: number;
  readonly time_scale: number;
}

async function read(folder: string, name: string): Promise<Checkpoint> {
  return readTorchCheckpoint(await readFile(join(folder, name))) as unknown as Checkpoint;
}

/** The checkpoint's noise, channels last. */
function noiseOf({ x_T }: Checkpoint): tf.Tensor4D {
  const shape = x_T.shape as [number, number, number, number];
  return tf.tidy(() => tf.transpose(tf.tensor4d(toFloat32(x_T), shape), [0, 2, 3, 1]));
}

async function draw(checkpoint: Checkpoint, model: "net_model" | "ema_model"): Promise<tf.Tensor> {
  const { network, params } = unetFromTorch(checkpoint[model], { groups: 2 });
  const finest = checkpoint.T * checkpoint.time_scale;
  expect(network.config).toMatchObject({ multipliers: [1, 2], attention: [1], blocks: 1, timeScale: finest });
  const zT = noiseOf(checkpoint);
  const drawing = denoiser(network, params, "x0");
  const images = await sampleDdim(drawing, discreteCosineSchedule(finest), zT, { steps: checkpoint.T });
  zT.dispose();
  disposeParams(params);
  return images;
}

function classify({ model }: Checkpoint, images: tf.Tensor4D): { logits: tf.Tensor; features: tf.Tensor } {
  const { network, params } = classifierFromTorch(model);
  const answer = classifier(network, params)(images);
  disposeParams(params);
  return answer;
}

/** What PyTorch computed, by its name in expected.safetensors, computed here. */
async function results(folder: string): Promise<Record<string, tf.Tensor>> {
  const base = await read(folder, "base.pt");
  const student = await read(folder, "student.pt");
  const images = noiseOf(base);
  const resnet = classify(await read(folder, "resnet.pt"), images);
  const densenet = classify(await read(folder, "densenet.pt"), images);
  images.dispose();
  return {
    "base.net_model.images": await draw(base, "net_model"),
    "base.ema_model.images": await draw(base, "ema_model"),
    "student.net_model.images": await draw(student, "net_model"),
    "resnet.logits": resnet.logits,
    "resnet.features": resnet.features,
    "densenet.logits": densenet.logits,
    "densenet.features": densenet.features,
  };
}

/** The largest difference to each of PyTorch's results. */
export async function differencesToAuthors(folder: string): Promise<[string, number][]> {
  const expected = decodeSafetensors(await readFile(join(folder, "expected.safetensors")));
  const found = await results(folder);
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  const differences: [string, number][] = [];
  for (const [name, tensor] of Object.entries(found)) {
    const data = (await tensor.data()) as Float32Array;
    differences.push([name, differenceOf({ dtype: "F32", shape: tensor.shape, data }, expected[name])]);
    tensor.dispose();
  }
  return differences;
}
