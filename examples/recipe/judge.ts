// Classifiers whose features compare sets of images: the run's own, and extractors from elsewhere.
import * as tf from "@tensorflow/tfjs";
import { disposeParams, type ImageSet, type Params } from "cfd-distill";
import type { Job } from "./crew.js";
import { anyClassifierOf } from "./import.js";
import { batches, imageSize } from "./sampling.js";
import type { Run } from "./stage.js";
import type { JudgeInput } from "./tasks.js";

/** A classifier at work. */
export interface Judge {
  readonly run: Run;
  readonly params: Params;
  readonly job: Job<JudgeInput>;
  /** How many classes it knows, which need not be the data's. */
  readonly classes: number;
}

/** The run's own classifier, or the extractor of this name, ready to work; the caller closes it. */
export async function openJudge(run: Run, extractor?: string): Promise<Judge> {
  const { network, params } = await anyClassifierOf(run, extractor);
  const task = { kind: "judge", ...(extractor !== undefined && { extractor }) } as const;
  return { run, params, job: await run.crew.open(task, params), classes: network.config.classes };
}

export async function closeJudge({ job, params }: Judge): Promise<void> {
  await job.close();
  disposeParams(params);
}

/** Features of some images of the data, a batch at a time; each is freed when the next is asked for. */
export async function* featuresOf(judge: Judge, split: "train" | "test", indices: readonly number[]) {
  const input = (from: number, to: number) => ({ split, indices: indices.slice(from, to) });
  for await (const { features } of judged(judge, indices.length, input)) yield features;
}

/** Features of drawn images, as bytes. */
export async function* featuresOfImages(judge: Judge, images: Uint8Array) {
  const size = imageSize(judge.run);
  const input = (from: number, to: number) => ({
    images: Float32Array.from(images.subarray(from * size, to * size), (byte) => byte / 127.5 - 1),
  });
  for await (const { features } of judged(judge, images.length / size, input)) yield features;
}

/** The share of test images whose class is guessed right. */
export async function accuracy(judge: Judge, test: ImageSet, indices: readonly number[]): Promise<number> {
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

/** Features and logits of `count` images, a batch at a time; each is freed when the next is asked for. */
async function* judged(
  { run, params, job, classes }: Judge,
  count: number,
  inputOf: (from: number, to: number) => JudgeInput,
): AsyncGenerator<{ features: tf.Tensor2D; logits: tf.Tensor2D }> {
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
