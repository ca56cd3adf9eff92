// The stage that measures: how far the drawn images are from real ones, and from the teacher's.
import * as tf from "@tensorflow/tfjs";
import { disposeParams, frechetDistance, statistics, type ImageSet, type Params } from "cfd-distill";
import type { Job } from "./crew.js";
import { loadClassifier } from "./models.js";
import { batches, imageSize, readSamples, readyMethods, shownClasses } from "./sampling.js";
import type { Run } from "./stage.js";
import type { JudgeInput } from "./tasks.js";

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

/** Measures every method that was drawn, on those images that the picture does not show. */
export async function measure(run: Run): Promise<Measurements> {
  const { train, test } = run.data;
  const { params } = await loadClassifier(run);
  const judge: Judge = { run, params, job: await run.crew.open({ kind: "judge" }, params) };
  try {
    const [shown, held] = [evenly(train, run.config.reference), evenly(test, run.config.reference)];
    const real = await statistics(featuresOf(judge, "train", shown));
    const fresh = await statistics(featuresOf(judge, "test", held));
    const skipped = shownClasses(run).length * imageSize(run);
    const rows: Row[] = [];
    let teachers: Uint8Array | undefined;
    for (const method of readyMethods(run)) {
      const { images, millisecondsPerImage } = await readSamples(run, method);
      const measured = images.subarray(skipped);
      teachers ??= measured;
      rows.push({
        method: method.label,
        networkCalls: method.steps,
        millisecondsPerImage,
        frechet: frechetDistance(await statistics(featuresOfImages(judge, measured)), real),
        toTeacher: meanAbsoluteDifference(measured, teachers),
      });
    }
    return {
      classifierAccuracy: await accuracy(judge, test, held),
      trainingImages: real.count,
      testImages: fresh.count,
      samplesPerMethod: run.config.measured,
      frechetOfTestImages: frechetDistance(fresh, real),
      rows,
    };
  } finally {
    await judge.job.close();
    disposeParams(params);
  }
}

/** Up to `most` indices, evenly spread, so that every class is among them however the set is sorted. */
function evenly(set: ImageSet, most: number): number[] {
  const count = Math.min(most, set.labels.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * set.labels.length) / count));
}

/** The run's classifier at work. */
interface Judge {
  readonly run: Run;
  readonly params: Params;
  readonly job: Job<JudgeInput>;
}

/** Features and logits of `count` images, a batch at a time; each is freed when the next is asked for. */
async function* judged(
  { run, params, job }: Judge,
  count: number,
  inputOf: (from: number, to: number) => JudgeInput,
): AsyncGenerator<{ features: tf.Tensor2D; logits: tf.Tensor2D }> {
  const classes = run.data.train.classes.length;
  for (const { from, to } of batches(run, count)) {
    run.signal.throwIfAborted();
    const rows = (await job.outputs(params, inputOf(from, to), to - from)) as tf.Tensor2D;
    const [features, logits] = tf.split(rows, [rows.shape[1] - classes, classes], 1) as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    rows.dispose();
    try {
      yield { features, logits };
    } finally {
      tf.dispose([features, logits]);
    }
  }
}

async function* featuresOf(judge: Judge, split: "train" | "test", indices: readonly number[]) {
  const input = (from: number, to: number) => ({ split, indices: indices.slice(from, to) });
  for await (const { features } of judged(judge, indices.length, input)) yield features;
}

async function* featuresOfImages(judge: Judge, images: Uint8Array) {
  const size = imageSize(judge.run);
  const input = (from: number, to: number) => ({
    images: Float32Array.from(images.subarray(from * size, to * size), (byte) => byte / 127.5 - 1),
  });
  for await (const { features } of judged(judge, images.length / size, input)) yield features;
}

async function accuracy(judge: Judge, test: ImageSet, indices: readonly number[]): Promise<number> {
  const input = (from: number, to: number) => ({ split: "test", indices: indices.slice(from, to) }) as const;
  const guesses: number[] = [];
  for await (const { logits } of judged(judge, indices.length, input)) {
    const best = tf.argMax(logits, -1);
    guesses.push(...(await best.data()));
    best.dispose();
  }
  const right = guesses.filter((guess, i) => guess === test.labels[indices[i]!]).length;
  return right / indices.length;
}

/** Of pixels in [-1, 1], given as bytes. */
function meanAbsoluteDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length / 127.5;
}
