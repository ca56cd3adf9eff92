import * as tf from "@tensorflow/tfjs";
import { disposeParams, frechetDistance, statistics, type ImageSet, type Params } from "cfd-distill";
import { halvings, inSteps } from "./config.js";
import type { Job } from "./crew.js";
import { loadClassifier, loadModel } from "./models.js";
import { progress } from "./progress.js";
import type { Run } from "./stage.js";
import type { JudgeInput } from "./tasks.js";

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
  const { params } = await loadModel(run, method.stage);
  const job = await run.crew.open({ kind: "sampler" }, params);
  const bar = progress(method.label, input.seeds.length, 0);
  const parts: tf.Tensor[] = [];
  const started = performance.now();
  try {
    for (const { from, to } of batches(run, input.seeds.length)) {
      run.signal.throwIfAborted();
      const [seeds, labels] = [input.seeds.slice(from, to), input.labels.slice(from, to)];
      parts.push(await job.outputs(params, { seeds, labels, steps: method.steps }, to - from));
      bar.update(to, "");
    }
    const milliseconds = performance.now() - started;
    return {
      images: tf.concat(parts) as tf.Tensor4D,
      millisecondsPerImage: milliseconds / input.seeds.length,
    };
  } finally {
    bar.stop();
    tf.dispose(parts);
    await job.close();
    disposeParams(params);
  }
}

/** Samples that one thread computes at a time. */
const BATCH = 20;

/** 0 ... count - 1 in pieces of a batch for each thread. */
function batches({ crew }: Run, count: number): { from: number; to: number }[] {
  const size = BATCH * crew.count;
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    from: i * size,
    to: Math.min((i + 1) * size, count),
  }));
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
  const { params } = await loadClassifier(run);
  const judge: Judge = { run, params, job: await run.crew.open({ kind: "judge" }, params) };
  const [shown, held] = [evenly(train, run.config.reference), evenly(test, run.config.reference)];
  const real = await statistics(featuresOf(judge, "train", shown));
  const fresh = await statistics(featuresOf(judge, "test", held));
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
        frechet: frechetDistance(await statistics(featuresOfImages(judge, measured)), real),
        toTeacher: await meanAbsoluteDifference(measured, reference),
      });
      measured.dispose();
    }
    const measurements = {
      classifierAccuracy: await accuracy(judge, test, held),
      trainingImages: real.count,
      testImages: fresh.count,
      samplesPerMethod: run.config.measured,
      frechetOfTestImages: frechetDistance(fresh, real),
      rows,
    };
    return { measurements, drawn };
  } finally {
    reference?.dispose();
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

async function* featuresOfImages(judge: Judge, images: tf.Tensor4D) {
  const values = Float32Array.from(await images.data());
  const size = values.length / images.shape[0];
  const input = (from: number, to: number) => ({ images: values.slice(from * size, to * size) });
  for await (const { features } of judged(judge, images.shape[0], input)) yield features;
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

async function meanAbsoluteDifference(a: tf.Tensor4D, b: tf.Tensor4D): Promise<number> {
  const mean = tf.tidy(() => tf.mean(tf.abs(tf.sub(a, b))));
  const [value] = await mean.data();
  mean.dispose();
  return value!;
}
