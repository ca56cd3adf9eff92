// Classifiers whose features compare sets of images: the run's own, and extractors from elsewhere.
import * as tf from "@tensorflow/tfjs";
import { classifier, disposeParams, type Classifier, type Params } from "cfd-distill";
import { imageBatch, type ImageSet } from "cfd-distill/data";
import { readClassifier } from "../models/import.js";
import { checkFile } from "../models/files.js";
import { loadClassifierModel } from "../models/models.js";
import type { Setup } from "../storage/setup.js";
import { batches, imageSize } from "./sampling.js";
import type { Run } from "../storage/run.js";

/** A classifier at work. */
export interface FeatureExtractor {
  readonly run: Run;
  readonly params: Params;
  readonly classify: Classifier;
  /** How many classes it knows, which need not be the data's. */
  readonly classes: number;
}

/** The run's own classifier, or the extractor of this name, ready to work; the caller closes it. */
export async function openExtractor(run: Run, name?: string): Promise<FeatureExtractor> {
  const { model, scaling = {} } =
    name === undefined ? await ownClassifier(run) : await extractorOf(run, name);
  const { network, params } = model;
  return { run, params, classify: classifier(network, params, scaling), classes: network.config.classes };
}

const ownClassifier = async (setup: Setup) => ({
  model: await loadClassifierModel(setup),
  scaling: setup.config.classifierScaling,
});

async function extractorOf({ config }: Setup, name: string) {
  const { file, scaling } = config.extractors!.find((one) => one.name === name)!;
  await checkFile(file);
  return { model: await readClassifier(file.path), scaling };
}

export function closeExtractor({ params }: FeatureExtractor): void {
  disposeParams(params);
}

/** Features of some images of a set, a batch at a time; each is freed when the next is asked for. */
export function* featuresOf(extractor: FeatureExtractor, set: ImageSet, indices: readonly number[]) {
  const images = (from: number, to: number) => imageBatch(set, indices.slice(from, to)).x0;
  for (const { features } of classified(extractor, indices.length, images)) yield features;
}

/** Features of drawn images, as bytes. */
export function* featuresOfImages(extractor: FeatureExtractor, bytes: Uint8Array) {
  const { shape } = extractor.run.data.train;
  const size = imageSize(extractor.run);
  const images = (from: number, to: number) => {
    const values = Float32Array.from(bytes.subarray(from * size, to * size), (byte) => byte / 127.5 - 1);
    return tf.tensor4d(values, [to - from, ...shape]);
  };
  for (const { features } of classified(extractor, bytes.length / size, images)) yield features;
}

/** The share of images whose class is guessed right. */
export async function accuracy(
  extractor: FeatureExtractor,
  set: ImageSet,
  indices: readonly number[],
): Promise<number> {
  const images = (from: number, to: number) => imageBatch(set, indices.slice(from, to)).x0;
  const guesses: number[] = [];
  for (const { logits } of classified(extractor, indices.length, images)) {
    const best = tf.argMax(logits, -1);
    guesses.push(...(await best.data()));
    best.dispose();
  }
  const right = guesses.filter((guess, i) => guess === set.labels[indices[i]!]).length;
  return right / indices.length;
}

/** Features and logits of `count` images, a batch at a time; each is freed when the next is asked for. */
function* classified(
  { run, classify }: FeatureExtractor,
  count: number,
  images: (from: number, to: number) => tf.Tensor4D,
): Generator<ReturnType<Classifier>> {
  for (const { from, to } of batches(count)) {
    run.signal.throwIfAborted();
    const { features, logits } = tf.tidy(() => ({ ...classify(images(from, to)) }));
    try {
      yield { features, logits };
    } finally {
      tf.dispose([features, logits]);
    }
  }
}
