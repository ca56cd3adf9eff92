// What a run computes, as functions of weights and of an input: the same in this thread and in workers.
import * as tf from "@tensorflow/tfjs";
import {
  cfdLoss,
  classifier,
  createRng,
  denoiser,
  denoisingLoss,
  disposeParams,
  drawBatch,
  drawTimes,
  imageBatch,
  noise,
  progressiveLoss,
  restoreRng,
  sampleDdim,
  type LossTerms,
  type Params,
  type Rng,
  type RngState,
  type Share,
} from "cfd-distill";
import type { Halving } from "./config.js";
import { classifierOf, loadClassifier, loadModel, networkOf, scheduleOf } from "./models.js";
import type { Workplace } from "./workplace.js";

/** One thing to compute. The first three are trained, the last two have outputs. */
export type Task =
  | { readonly kind: "teacher" }
  | { readonly kind: "classifier" }
  | { readonly kind: "halving"; readonly halving: Halving }
  | { readonly kind: "sampler" }
  | { readonly kind: "judge" };

/** Of a training step: the stream that the whole batch is drawn from, whoever computes how much of it. */
export interface StepInput {
  readonly rng: RngState;
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
export function anyParams(place: Workplace, { kind }: Task): Params {
  const network = kind === "classifier" || kind === "judge" ? classifierOf(place) : networkOf(place);
  return network.init(createRng(0));
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
      return samplerTask(place, params);
    case "judge":
      return judgeTask(place, params);
    default:
      return task satisfies never;
  }
}

const nothing = () => undefined;

/** A share of a batch with the noise and the classes that go with it; everything comes from `rng`. */
function draw({ data, config }: Workplace, rng: Rng, { start, end, batch }: Share) {
  const { x0, labels } = drawBatch(data.train, rng, { batch, flip: config.flip });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const part = (of: tf.Tensor4D) => tf.slice(of, start, end - start);
  return { x0: part(x0), eps: part(eps), labels: labels.slice(start, end) };
}

function teacherTask(place: Workplace, params: Params): Computation<StepInput> {
  const { base, teacherSteps } = place.config;
  const schedule = scheduleOf(place);
  const model = denoiser(networkOf(place), params, "x0");
  const terms = (input: StepInput, share: Share) => {
    const rng = restoreRng(input.rng);
    const times = drawTimes(rng, share.batch, teacherSteps, { first: 0 }).slice(share.start, share.end);
    const batch = draw(place, rng, share);
    return denoisingLoss({ denoiser: model, schedule, ...batch, times, weighting: base.weighting });
  };
  return { terms, dispose: nothing };
}

function classifierTask(place: Workplace, params: Params): Computation<StepInput> {
  const { crop } = place.config.classifier;
  const { train } = place.data;
  const network = classifierOf(place);
  const terms = (input: StepInput, { start, end, batch }: Share) => {
    const rng = restoreRng(input.rng);
    const { x0, labels } = drawBatch(train, rng, { batch, crop, flip: true });
    const { logits } = network.apply(params, tf.slice(x0, start, end - start), { train: { rng } });
    return crossEntropy(logits, labels.slice(start, end), train.classes.length);
  };
  return { terms, dispose: nothing };
}

async function halvingTask(
  place: Workplace,
  { method, teacher: name, studentSteps }: Halving,
  params: Params,
): Promise<Computation<StepInput>> {
  const { pd, cfd } = place.config.distillation;
  const schedule = scheduleOf(place);
  const teacher = await loadModel(place, name);
  const judge = method === "cfd" ? await loadClassifier(place) : undefined;
  const student = denoiser(networkOf(place), params, "x0");
  const terms = (input: StepInput, share: Share): LossTerms => {
    const rng = restoreRng(input.rng);
    const times = drawTimes(rng, share.batch, studentSteps).slice(share.start, share.end);
    const batch = { ...draw(place, rng, share), times, studentSteps };
    const models = { student, teacher: teacher.model, schedule };
    const { temperature, beta, gamma } = cfd;
    return judge
      ? cfdLoss({ ...models, ...batch, classifier: judge.model, temperature, beta, gamma })
      : progressiveLoss({ ...models, ...batch, weighting: pd.weighting });
  };
  const dispose = () => {
    disposeParams(teacher.params);
    if (judge) disposeParams(judge.params);
  };
  return { terms, dispose };
}

function samplerTask(place: Workplace, params: Params): Computation<SampleInput> {
  const schedule = scheduleOf(place);
  const model = denoiser(networkOf(place), params, "x0");
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

function judgeTask(place: Workplace, params: Params): Computation<JudgeInput> {
  const judge = classifier(classifierOf(place), params);
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
