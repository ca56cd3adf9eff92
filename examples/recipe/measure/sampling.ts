// The stage that draws images: of every method, from the same noise and classes, as the 8-bit pictures they would be.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParams, noise, sampleDdim } from "cfd-distill";
import { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from "cfd-distill/formats";
import { readWhole, writeFileAtomic } from "cfd-distill/node";
import { methodName, shiftOf } from "../config/halvings.js";
import type { Halving, RecipeConfig } from "../config/schema.js";
import { fingerprint, naming } from "../models/files.js";
import { denoiserOf, loadModel } from "../models/models.js";
import { inSteps } from "../../../tools/words.js";
import { progress } from "../terminal/progress.js";
import { shiftedDenoiser, shiftedSchedule } from "../models/shift.js";
import type { Run } from "../storage/run.js";
import { checkpointPath, type Setup } from "../storage/setup.js";

/** A model and the number of steps to sample it with. */
export interface Method {
  readonly label: string;
  /** The stage whose checkpoint holds the model. */
  readonly stage: string;
  readonly steps: number;
}

/** The images of one method, in the order of {@link startsOf}. */
export interface Drawn {
  /** [count, height, width, channels], 0 to 255. */
  readonly images: Uint8Array;
  readonly millisecondsPerImage: number;
}

/** Students of more steps are on the way to those that one wants. */
const FEW = 8;

/** The teacher at all its steps; then, for each small number of steps that students have, plain DDIM and its students. */
export function methodsOf(config: RecipeConfig): Method[] {
  const { teacherSteps, halvings } = config;
  const counts = [...new Set(halvings.map(({ studentSteps }) => studentSteps))];
  const few = counts
    .filter((steps) => steps <= FEW)
    .flatMap((steps): Method[] => [
      { label: `Teacher (DDIM), ${inSteps(steps)}`, stage: "teacher", steps },
      ...halvings
        .filter(({ studentSteps }) => studentSteps === steps)
        .map((halving) => ({ label: labelOf(config, halving), stage: halving.name, steps })),
    ]);
  return [
    { label: `Teacher (DDIM), ${inSteps(teacherSteps)}`, stage: "teacher", steps: teacherSteps },
    ...few,
  ];
}

/** What the label of a student ends with that this run trained beside one of its kind that ships. */
export const LIVE = ", live";

/** Of two students of one kind, one shipped and one trained by this run, each is called what it is. */
function labelOf({ halvings, files }: RecipeConfig, halving: Halving): string {
  const { studentSteps, name, label } = halving;
  const method = methodName(halving);
  if (label !== undefined) return `${label}, ${inSteps(studentSteps)}`;
  const alike = halvings.filter(
    (other) =>
      other.label === undefined && methodName(other) === method && other.studentSteps === studentSteps,
  );
  const origin = alike.length === 1 ? "" : files[name] ? ", shipped" : LIVE;
  return `${method}, ${inSteps(studentSteps)}${origin}`;
}

/** Those methods whose networks are there already. */
export function readyMethods(setup: Setup): Method[] {
  return methodsOf(setup.config).filter(({ stage }) => existsSync(checkpointPath(setup, stage)));
}

/** Images that are computed at a time. */
const BATCH = 40;

/** 0 ... count - 1 in pieces of a batch. */
export function batches(count: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => ({
    from: i * BATCH,
    to: Math.min((i + 1) * BATCH, count),
  }));
}

/** Which classes the columns of the picture show. */
export function shownClasses({ config, data }: Setup): number[] {
  const { classes } = data.train;
  const { drawn } = config;
  const each = Math.max(1, Math.floor(drawn / classes.length));
  const count = Math.min(drawn, classes.length);
  const spread = Array.from({ length: count }, (_, i) => Math.floor((i * classes.length) / count));
  return spread.flatMap((label) => Array<number>(each).fill(label));
}

/** Bytes of a method's images, which a file and an array can hold. */
const MOST_BYTES = 2 ** 31;

/** Refuses samples that could not be drawn, before anything is trained: of classes that are not there, or too many. */
export function checkStarts(setup: Setup): void {
  const most = Math.floor(MOST_BYTES / imageSize(setup)) - shownClasses(setup).length;
  if (setup.config.measured <= most) return;
  throw new Error(
    `measured: expected at most ${most} samples of ${setup.data.train.shape.join("x")}, got ${setup.config.measured}.`,
  );
}

/** Which noise and classes every method starts from: first those of the picture, then those that are measured. */
export function startsOf(run: Run): { seeds: number[]; labels: number[] } {
  const { train } = run.data;
  const { measured } = run.config;
  const shown = shownClasses(run);
  const rng = run.rng.fork("starts");
  const seeds = Array.from({ length: shown.length + measured }, () => rng.integer(2 ** 31));
  // Measured classes come as often as in the data: differing shares of classes would count as a distance.
  const rest = Array.from({ length: measured }, () => train.labels[rng.integer(train.labels.length)]!);
  return { seeds, labels: [...shown, ...rest] };
}

/** Draws what these weights have not drawn yet; a method that was interrupted is drawn again, with the same images. */
export async function drawSamples(run: Run): Promise<void> {
  mkdirSync(join(run.out, "samples"), { recursive: true });
  for (const method of readyMethods(run)) {
    const { sha256: weights } = await fingerprint(checkpointPath(run, method.stage));
    if ((await weightsBehind(samplesPath(run, method))) === weights) continue;
    const { images, millisecondsPerImage } = await sampleMethod(run, method);
    const shape = [images.length / imageSize(run), ...run.data.train.shape];
    const bytes = encodeSafetensors(
      { images: { dtype: "U8", shape, data: images } },
      { millisecondsPerImage: String(millisecondsPerImage), weights },
    );
    await writeFileAtomic(samplesPath(run, method), bytes);
  }
}

/** The fingerprint of the checkpoint that a file's images were drawn with. */
async function weightsBehind(path: string): Promise<string | undefined> {
  return existsSync(path) ? (await naming(path, () => samplesAt(path))).notes.weights : undefined;
}

/** A file of samples: the images, and what is noted of them. */
async function samplesAt(path: string) {
  const bytes = await readWhole(path, "samples");
  const { images } = decodeSafetensors(bytes);
  return { images, notes: safetensorsMetadata(bytes) };
}

/** What the stage has drawn of a method. */
export async function readSamples(run: Run, method: Method): Promise<Drawn> {
  const path = samplesPath(run, method);
  if (!existsSync(path)) throw new Error(`${path} is not there: run the stage "samples" first.`);
  const { images, notes } = await naming(path, () => samplesAt(path));
  const millisecondsPerImage = Number(notes.millisecondsPerImage);
  const shape = [startsOf(run).seeds.length, ...run.data.train.shape];
  if (images?.dtype !== "U8" || images.shape.join() !== shape.join() || !(millisecondsPerImage >= 0)) {
    const got = images ? `${images.dtype} ${images.shape.join("x")}` : "none";
    throw new Error(`${path}: expected samples, U8 ${shape.join("x")}, and the time they took, got ${got}.`);
  }
  if (notes.weights !== (await fingerprint(checkpointPath(run, method.stage))).sha256) {
    throw new Error(
      `${path}: expected samples of this run's ${method.stage}, got others: run the stage "samples".`,
    );
  }
  return { images: images.data, millisecondsPerImage };
}

/** Where the images of a method are. */
export function samplesPath({ out }: Setup, { stage, steps }: Method): string {
  return join(out, "samples", `${stage}-in-${steps}.safetensors`);
}

/** Numbers in one image. */
export function imageSize({ data }: Setup): number {
  const [height, width, channels] = data.train.shape;
  return height * width * channels;
}

async function sampleMethod(run: Run, method: Method): Promise<Drawn> {
  const { signal, data, config } = run;
  const loaded = await loadModel(run, method.stage);
  const halving = config.halvings.find(({ name }) => name === method.stage);
  const shift = halving && shiftOf(halving);
  const model = shiftedDenoiser(denoiserOf(loaded, loaded.params), shift);
  const schedule = shiftedSchedule(loaded.schedule, shift);
  const { seeds, labels } = startsOf(run);
  const images = new Uint8Array(seeds.length * imageSize(run));
  const bar = progress(method.label, seeds.length, 0);
  const started = performance.now();
  try {
    for (const { from, to } of batches(seeds.length)) {
      const zT = noise(seeds.slice(from, to), data.train.shape);
      const { clip } = loaded;
      const options = { steps: method.steps, labels: labels.slice(from, to), clip, signal };
      const drawn = await sampleDdim(model, schedule, zT, options);
      images.set(await asBytes(drawn, method), from * imageSize(run));
      tf.dispose([zT, drawn]);
      bar.update(to, "");
    }
    return { images, millisecondsPerImage: (performance.now() - started) / seeds.length };
  } finally {
    bar.stop();
    disposeParams(loaded.params);
  }
}

/** [-1, 1] to 0 ... 255, as in a picture's file; what is no number has no colour. */
async function asBytes(images: tf.Tensor, { label }: Method): Promise<Uint8Array> {
  const values = await images.data();
  if (values.some(Number.isNaN)) throw new Error(`${label}: expected images of numbers, got NaN.`);
  return Uint8Array.from(values, (x) => Math.round((Math.min(1, Math.max(-1, x)) + 1) * 127.5));
}
