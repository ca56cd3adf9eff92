// What a run computes, as functions of weights and of an input: the same in this thread and in workers.
import * as tf from "@tensorflow/tfjs";
import {
  createRng,
  denoisingLoss,
  disposeParams,
  drawBatch,
  drawTimes,
  imageBatch,
  noise,
  restoreRng,
  sampleDdim,
  type LossTerms,
  type Params,
  type Rng,
  type RngState,
  type Share,
} from "cfd-distill";
import { drawAugmented } from "./augment/augment.js";
import type { Halving, RecipeConfig } from "./config.js";
import { anyClassifierOf, loadExtractor } from "./import.js";
import { earlierClassifiers, featureTerms, pixelTerms } from "./losses.js";
import { classifierOf, denoiserOf, loadClassifier, loadModel, teacherOf } from "./models.js";
import { shiftedDenoiser, shiftedSchedule } from "./shift.js";
import type { Workplace } from "./workplace.js";

/** One thing to compute. The first three are trained, the last two have outputs. */
export type Task =
  | { readonly kind: "teacher" }
  | { readonly kind: "classifier" }
  | { readonly kind: "halving"; readonly halving: Halving }
  | { readonly kind: "sampler"; readonly stage: string }
  | { readonly kind: "judge"; readonly extractor?: string };

/** Of a training step: the stream that the whole batch is drawn from, whoever computes how much of it. */
export interface StepInput {
  readonly rng: RngState;
  /** How many images the whole batch has, and the first of them that this micro-batch holds. */
  readonly batch: number;
  readonly first: number;
}
/** Of the sampler: one seed and one class per image. Its rows are images. */
export interface SampleInput {
  readonly seeds: readonly number[];
  readonly labels: readonly number[];
  readonly steps: number;
}
/** Of the judge: images as they are, or those of a set. Its rows are features followed by logits. */
export type JudgeInput =
  | { readonly images: Float32Array }
  | { readonly split: "train" | "test"; readonly indices: readonly number[] };

/** The input that goes with each kind of task. */
export interface Inputs {
  readonly teacher: StepInput;
  readonly classifier: StepInput;
  readonly halving: StepInput;
  readonly sampler: SampleInput;
  readonly judge: JudgeInput;
}

/** A task with its networks, ready to compute with the weights it was opened for. */
export interface Computation<Input> {
  readonly terms?: (input: Input, share: Share) => LossTerms;
  readonly outputs?: (input: Input, share: Share) => tf.Tensor | Promise<tf.Tensor>;
  /** Frees the networks that are not trained. */
  readonly dispose: () => void;
}

/** Weights of a task's network, of whatever values. */
export async function anyParams(place: Workplace, task: Task): Promise<Params> {
  switch (task.kind) {
    case "teacher":
      return teacherOf(place).network.init(createRng(0));
    case "classifier":
      return classifierOf(place).init(createRng(0));
    case "halving":
      return (await loadModel(place, task.halving.teacher)).params;
    case "sampler":
      return (await loadModel(place, task.stage)).params;
    case "judge":
      return (await anyClassifierOf(place, task.extractor)).params;
    default:
      return task satisfies never;
  }
}

/** Makes a task ready to compute with `params`, which stay the caller's. */
export async function openTask(
  place: Workplace,
  task: Task,
  params: Params,
): Promise<Computation<StepInput> | Computation<SampleInput> | Computation<JudgeInput>> {
  switch (task.kind) {
    case "teacher":
      return teacherTask(place, params);
    case "classifier":
      return classifierTask(place, params);
    case "halving":
      return halvingTask(place, task.halving, params);
    case "sampler":
      return samplerTask(place, task.stage, params);
    case "judge":
      return judgeTask(place, task.extractor, params);
    default:
      return task satisfies never;
  }
}

const nothing = () => undefined;

/** Where a share of a micro-batch lies in the whole batch. */
function rowsOf({ first }: StepInput, { start, end }: Share): [from: number, to: number] {
  return [first + start, first + end];
}

/** Some rows of a batch with the noise and the classes that go with it; everything comes from `rng`. */
function draw({ data, config }: Workplace, rng: Rng, batch: number, [from, to]: readonly [number, number]) {
  const { x0, labels } = drawBatch(data.train, rng, { batch, flip: config.flip });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const part = (of: tf.Tensor4D) => tf.slice(of, from, to - from);
  return { x0: part(x0), eps: part(eps), labels: labels.slice(from, to) };
}

function teacherTask(place: Workplace, params: Params): Computation<StepInput> {
  const { base, teacherSteps, recompute } = place.config;
  const teacher = teacherOf(place);
  const terms = (input: StepInput, share: Share) => {
    const rng = restoreRng(input.rng);
    const rows = rowsOf(input, share);
    const times = drawTimes(rng, input.batch, teacherSteps, { first: 0 }).slice(...rows);
    const batch = draw(place, rng, input.batch, rows);
    const train = base.dropout === 0 ? {} : { train: { rng: rng.fork(`dropout ${rows[0]}`) } };
    const model = denoiserOf(teacher, params, { recompute, ...train });
    return denoisingLoss({
      denoiser: model,
      schedule: teacher.schedule,
      ...batch,
      times,
      weighting: base.weighting,
    });
  };
  return { terms, dispose: nothing };
}

function classifierTask(place: Workplace, params: Params): Computation<StepInput> {
  const { classifierScaling } = place.config;
  const { train } = place.data;
  const network = classifierOf(place);
  const terms = (input: StepInput, share: Share) => {
    const rng = restoreRng(input.rng);
    const [from, to] = rowsOf(input, share);
    const { x0, labels } = drawChanged(place, rng, input.batch, [from, to]);
    const { logits } = network.apply(params, scaled(x0, classifierScaling), { train: { rng } });
    return crossEntropy(logits, labels, train.classes.length);
  };
  return { terms, dispose: nothing };
}

/** Some rows of a batch of images changed at random, so that the classifier does not learn them by heart. */
function drawChanged(
  { data, config }: Workplace,
  rng: Rng,
  batch: number,
  [from, to]: readonly [number, number],
) {
  const { augment } = config.classifier;
  if (augment === "paper") return drawAugmented(data.train, rng, { batch, from, to });
  const { x0, labels } = drawBatch(data.train, rng, { batch, crop: augment.shift, flip: true });
  return { x0: tf.slice(x0, from, to - from), labels: labels.slice(from, to) };
}

/** Images in [-1, 1] as the classifier takes them. */
function scaled(images: tf.Tensor4D, scaling: RecipeConfig["classifierScaling"]): tf.Tensor4D {
  if (!scaling) return images;
  return images.add(1).div(2).sub(scaling.mean).div(scaling.std);
}

async function halvingTask(
  place: Workplace,
  halving: Halving,
  params: Params,
): Promise<Computation<StepInput>> {
  const { studentSteps } = halving;
  const { recompute } = place.config;
  const loaded = await loadModel(place, halving.teacher);
  const judge = halving.method === "cfd" ? await loadClassifier(place) : undefined;
  const earlier = await earlierClassifiers(place, halving.method === "cfd" ? (halving.layers ?? 1) - 1 : 0);
  const models = {
    student: shiftedDenoiser(denoiserOf(loaded, params, { recompute }), halving.shift),
    teacher: shiftedDenoiser(denoiserOf(loaded, loaded.params), halving.shift),
    schedule: shiftedSchedule(loaded.schedule, halving.shift),
  };
  const terms = (input: StepInput, share: Share): LossTerms => {
    const rng = restoreRng(input.rng);
    const rows = rowsOf(input, share);
    const times = drawTimes(rng, input.batch, studentSteps).slice(...rows);
    const batch = { ...models, ...draw(place, rng, input.batch, rows), times, studentSteps };
    if (halving.method === "pd") return pixelTerms(batch, halving);
    return featureTerms(batch, [judge!.model, ...earlier.models], halving);
  };
  const dispose = () => {
    disposeParams(loaded.params);
    if (judge) disposeParams(judge.params);
    earlier.params.forEach(disposeParams);
  };
  return { terms, dispose };
}

async function samplerTask(
  place: Workplace,
  stage: string,
  params: Params,
): Promise<Computation<SampleInput>> {
  const loaded = await loadModel(place, stage);
  disposeParams(loaded.params); // only what is told beside the weights is needed
  const shift = place.config.halvings.find(({ name }) => name === stage)?.shift;
  const model = shiftedDenoiser(denoiserOf(loaded, params), shift);
  const schedule = shiftedSchedule(loaded.schedule, shift);
  const outputs = async ({ seeds, labels, steps }: SampleInput, { start, end }: Share) => {
    const zT = noise(seeds.slice(start, end), place.data.train.shape);
    try {
      return await sampleDdim(model, schedule, zT, { steps, labels: labels.slice(start, end) });
    } finally {
      zT.dispose();
    }
  };
  return { outputs, dispose: nothing };
}

async function judgeTask(
  place: Workplace,
  extractor: string | undefined,
  params: Params,
): Promise<Computation<JudgeInput>> {
  const own = async () => (await loadClassifier(place, params)).model;
  const judge = await (extractor === undefined ? own() : loadExtractor(place, extractor, params));
  const { train } = place.data;
  const pick = (input: JudgeInput, { start, end, batch }: Share): tf.Tensor4D => {
    if ("indices" in input) return imageBatch(place.data[input.split], input.indices.slice(start, end)).x0;
    const size = input.images.length / batch;
    return tf.tensor4d(input.images.slice(start * size, end * size), [end - start, ...train.shape]);
  };
  const outputs = (input: JudgeInput, share: Share) =>
    tf.tidy(() => {
      const { features, logits } = judge(pick(input, share));
      return tf.concat([features, logits], 1);
    });
  return { outputs, dispose: nothing };
}

function crossEntropy(logits: tf.Tensor2D, labels: readonly number[], classes: number): LossTerms {
  const wanted = tf.oneHot(tf.tensor1d([...labels], "int32"), classes);
  const loss = tf.neg(tf.mean(tf.sum(tf.mul(wanted, tf.logSoftmax(logits)), -1))).asScalar();
  const right = tf.equal(tf.argMax(logits, -1), tf.tensor1d([...labels], "int32"));
  return { loss, accuracy: tf.mean(tf.cast(right, "float32")).asScalar() };
}
