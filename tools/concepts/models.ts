import { readFile } from "node:fs/promises";
import {
  classifier,
  type Classifier,
  type ClassifierNetwork,
  decodeCheckpoint,
  type DecodedCheckpoint,
  decodeNetworkCheckpoint,
  denoiser,
  type Denoiser,
  type NoiseSchedule,
} from "cfd-distill";
import { type ImageSet } from "cfd-distill/data";
import { EMOJI_MODELS, loadEmoji, readManifest } from "../../examples/emoji/files.js";
import type { Manifest, Method } from "../../examples/emoji/manifest.js";

/** A student of one step, and the model of two steps that taught it. */
export interface Pair {
  readonly teacher: Denoiser;
  readonly student: Denoiser;
}

/** What the pictures are drawn with: the shipped last halvings, their classifier, and emoji. */
export interface Shipped {
  readonly schedule: NoiseSchedule;
  readonly pd: Pair;
  readonly cfd: Pair;
  readonly classify: Classifier;
  /** Images that nothing was trained on. */
  readonly images: ImageSet;
}

const read = (file: string) => readFile(new URL(file, EMOJI_MODELS));

/** Loads the shipped models, which stay until the program ends. */
export async function loadShipped(): Promise<Shipped> {
  const manifest = readManifest();
  const { network, params } = decodeNetworkCheckpoint(await read(manifest.classifier));
  return {
    schedule: (await loadModel(manifest, "pd", 2)).schedule,
    pd: await loadPair(manifest, "pd"),
    cfd: await loadPair(manifest, "cfd"),
    classify: classifier(network as ClassifierNetwork, params),
    images: loadEmoji().test,
  };
}

async function loadPair(manifest: Manifest, method: Method): Promise<Pair> {
  return {
    teacher: denoiserOf(await loadModel(manifest, method, 2)),
    student: denoiserOf(await loadModel(manifest, method, 1)),
  };
}

async function loadModel({ models }: Manifest, method: Method, steps: number): Promise<DecodedCheckpoint> {
  const found = models.find((model) => model.method === method && model.steps === steps);
  if (found === undefined) throw new Error(`manifest.json: expected a model by ${method}, ${steps} steps.`);
  return decodeCheckpoint(await read(found.file));
}

function denoiserOf({ network, params, predictionType }: DecodedCheckpoint): Denoiser {
  return denoiser(network, params, predictionType);
}
