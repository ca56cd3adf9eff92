import * as tf from "@tensorflow/tfjs";
import {
  disposeParams,
  frechetDistance,
  imageBatch,
  noise,
  sampleDdim,
  statistics,
  type Classifier,
  type Denoiser,
  type ImageSet,
} from "cfd-distill";
import { halvings, inSteps } from "./config.js";
import { progress } from "./progress.js";
import type { Run } from "./stage.js";
import { loadClassifier, loadModel, scheduleOf } from "./stages.js";

/** A model and the number of steps to sample it with. */
export interface Method {
  readonly label: string;
  /** The stage whose checkpoint holds the model. */
  readonly stage: string;
  readonly steps: number;
}

/** What was measured of one method. */
export interface Row {
  readonly method: string;
  /** How often the network runs for an image. */
  readonly networkCalls: number;
  readonly millisecondsPerImage: number;
  /** Frechet distance to the training images, on the features of this run's own classifier. */
  readonly frechet: number;
  /** Mean absolute difference to the teacher's image from the same noise and class; pixels in [-1, 1]. */
  readonly toTeacher: number;
}

/** Everything measured, with the counts that the numbers depend on. */
export interface Measurements {
  readonly classifierAccuracy: number;
  readonly trainingImages: number;
  readonly testImages: number;
  readonly samplesPerMethod: number;
  /** The distance of the test images to the training images: what perfect samples would come near to. */
  readonly frechetOfTestImages: number;
  readonly rows: readonly Row[];
}

/** The teacher at all its steps; then, for each number of steps that CFD reached, plain DDIM, PD and CFD. */
export function methodsOf(run: Run): Method[] {
  const { teacherSteps } = run.config;
  const stages = halvings(run.config);
  const counts = stages.filter(({ method }) => method === "cfd").map(({ studentSteps }) => studentSteps);
  const few = counts.flatMap((steps): Method[] => [
    { label: `Teacher (DDIM), ${inSteps(steps)}`, stage: "teacher", steps },
    { label: `PD, ${inSteps(steps)}`, stage: `pd-${steps}`, steps },
    { label: `CFD, ${inSteps(steps)}`, stage: `cfd-${steps}`, steps },
  ]);
  return [
    { label: `Teacher (DDIM), ${inSteps(teacherSteps)}`, stage: "teacher", steps: teacherSteps },
    ...few,
  ];
}

/** The images of one method from `seeds` and `labels`, in small batches. The caller disposes them. */
async function sampleMethod(
  run: Run,
  method: Method,
  input: { readonly seeds: readonly number[]; readonly labels: readonly number[] },
): Promise<{ images: tf.Tensor4D; millisecondsPerImage: number }> {
  const { model, params } = await loadModel(run, method.stage);
  const started = performance.now();
  try {
    const images = await sampleInBatches(run, model, { ...input, ...method });
    const milliseconds = performance.now() - started;
    return { images, millisecondsPerImage: milliseconds / input.seeds.length };
  } finally {
    disposeParams(params);
  }
}

const BATCH = 20;

async function sampleInBatches(
  run: Run,
  model: Denoiser,
  { seeds, labels, steps, label }: Method & { seeds: readonly number[]; labels: readonly number[] },
): Promise<tf.Tensor4D> {
  const bar = progress(label, seeds.length, 0);
  const parts: tf.Tensor4D[] = [];
  try {
    for (let start = 0; start < seeds.length; start += BATCH) {
      const zT = noise(seeds.slice(start, start + BATCH), run.data.train.shape);
      const batch = { steps, labels: labels.slice(start, start + BATCH), signal: run.signal };
      parts.push(
        await sampleDdim(model, scheduleOf(run), zT, batch).finally(() => {
          zT.dispose();
        }),
      );
      bar.update(Math.min(start + BATCH, seeds.length), "");
    }
    return tf.concat(parts);
  } finally {
    bar.stop();
    tf.dispose(parts);
  }
}

/** Which noise and classes every method starts from: first those of the picture, then those that are measured. */
function startsOf(run: Run): { seeds: number[]; labels: number[]; drawn: number } {
  const { train } = run.data;
  const { drawnPerClass, measured } = run.config;
  const shown = train.classes.flatMap((_, label) => Array<number>(drawnPerClass).fill(label));
  const rng = run.rng.fork("starts");
  const seeds = Array.from({ length: shown.length + measured }, () => rng.integer(2 ** 31));
  // Measured classes come as often as in the data: differing shares of classes would count as a distance.
  const rest = Array.from({ length: measured }, () => train.labels[rng.integer(train.labels.length)]!);
  return { seeds, labels: [...shown, ...rest], drawn: shown.length };
}

/**
 * Draws the same noise and classes with every method and measures how far the images are from the real ones. Also
 * returns, per method, the images of the picture; the caller disposes them.
 */
export async function measure(run: Run): Promise<{ measurements: Measurements; drawn: tf.Tensor4D[] }> {
  const { train, test } = run.data;
  const judge = await loadClassifier(run);
  const [shown, held] = [evenly(train, run.config.reference), evenly(test, run.config.reference)];
  const real = await statistics(realFeatures(judge.model, train, shown));
  const fresh = await statistics(realFeatures(judge.model, test, held));
  const starts = startsOf(run);
  const rows: Row[] = [];
  const drawn: tf.Tensor4D[] = [];
  let reference: tf.Tensor4D | undefined;
  try {
    for (const method of methodsOf(run)) {
      const { images, millisecondsPerImage } = await sampleMethod(run, method, starts);
      drawn.push(tf.slice(images, 0, starts.drawn));
      const measured = tf.slice(images, starts.drawn);
      images.dispose();
      reference ??= measured.clone();
      rows.push({
        method: method.label,
        networkCalls: method.steps,
        millisecondsPerImage,
        frechet: frechetDistance(await statistics(features(judge.model, measured)), real),
        toTeacher: await meanAbsoluteDifference(measured, reference),
      });
      measured.dispose();
    }
    const measurements = {
      classifierAccuracy: await accuracy(judge.model, test, held),
      trainingImages: real.count,
      testImages: fresh.count,
      samplesPerMethod: run.config.measured,
      frechetOfTestImages: frechetDistance(fresh, real),
      rows,
    };
    return { measurements, drawn };
  } finally {
    reference?.dispose();
    disposeParams(judge.params);
  }
}

/** Up to `most` indices, evenly spread, so that every class is among them however the set is sorted. */
function evenly(set: ImageSet, most: number): number[] {
  const count = Math.min(most, set.labels.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * set.labels.length) / count));
}

/** Features of samples, a batch at a time; each is freed when the next is asked for. */
function* features(judge: Classifier, images: tf.Tensor4D): Generator<tf.Tensor2D> {
  for (let start = 0; start < images.shape[0]; start += BATCH) {
    const size = Math.min(BATCH, images.shape[0] - start);
    const batch = tf.tidy(() => judge(tf.slice(images, start, size)).features);
    try {
      yield batch;
    } finally {
      batch.dispose();
    }
  }
}

function* realFeatures(judge: Classifier, set: ImageSet, indices: readonly number[]): Generator<tf.Tensor2D> {
  for (let start = 0; start < indices.length; start += BATCH) {
    const { x0 } = imageBatch(set, indices.slice(start, start + BATCH));
    try {
      yield* features(judge, x0);
    } finally {
      x0.dispose();
    }
  }
}

async function accuracy(judge: Classifier, set: ImageSet, indices: readonly number[]): Promise<number> {
  let right = 0;
  for (let start = 0; start < indices.length; start += BATCH) {
    const { x0, labels } = imageBatch(set, indices.slice(start, start + BATCH));
    const guesses = tf.tidy(() => tf.argMax(judge(x0).logits, -1));
    const read = Array.from(await guesses.data());
    right += read.filter((guess, i) => guess === labels[i]).length;
    tf.dispose([x0, guesses]);
  }
  return right / indices.length;
}

async function meanAbsoluteDifference(a: tf.Tensor4D, b: tf.Tensor4D): Promise<number> {
  const mean = tf.tidy(() => tf.mean(tf.abs(tf.sub(a, b))));
  const [value] = await mean.data();
  mean.dispose();
  return value!;
}
