import * as tf from "@tensorflow/tfjs";
import {
  adam,
  cfdLoss,
  classifier,
  cloneParams,
  cosineAnnealing,
  denoiser,
  denoisingLoss,
  discreteCosineSchedule,
  disposeParams,
  drawBatch,
  drawTimes,
  emaDecay,
  linearWarmup,
  progressiveLoss,
  resnet,
  sgd,
  unet,
  type Classifier,
  type Denoiser,
  type LossTerms,
  type NoiseSchedule,
  type Params,
  type Rng,
} from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { inSteps, type Halving } from "./config.js";
import { checkpointPath, train, type Run } from "./stage.js";

/** A trained diffusion model, its weights to be freed with `disposeParams(params)`. */
export interface Model {
  readonly model: Denoiser;
  readonly params: Params;
}

/** The schedule that teacher and students share: a table of T + 1 entries. */
export function scheduleOf(run: Run): NoiseSchedule {
  return discreteCosineSchedule(run.config.teacherSteps);
}

function networkOf(run: Run) {
  const { unet: size, teacherSteps } = run.config;
  return unet({ ...size, timeScale: teacherSteps, classes: run.data.train.classes.length });
}

/** What a checkpoint of a diffusion model of this run says about itself. */
function describe(run: Run, steps: number) {
  const { shape } = run.data.train;
  return {
    network: networkOf(run),
    schedule: scheduleOf(run),
    predictionType: "x0",
    steps,
    imageShape: shape,
  } as const;
}

/** A batch with the noise and the classes that go with it; everything comes from `rng`. */
function draw(run: Run, rng: Rng, batch: number) {
  const { x0, labels } = drawBatch(run.data.train, rng, { batch, flip: true });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  return { x0, eps, labels };
}

/** Trains the diffusion model that the others learn from; of its weights the average is used. */
export async function trainTeacher(run: Run): Promise<void> {
  const { teacherSteps, base } = run.config;
  const network = networkOf(run);
  const params = network.init(run.rng.fork("teacher weights"));
  const ema = cloneParams(params);
  const schedule = scheduleOf(run);
  const model = denoiser(network, params, "x0");
  const annealed = cosineAnnealing({ rate: base.rate, steps: base.steps });
  const optimizer = adam({ learningRate: linearWarmup({ rate: annealed, steps: base.warmup }) });
  await train(run, {
    name: "teacher",
    title: "Teacher",
    steps: base.steps,
    describe: describe(run, teacherSteps),
    params,
    ema: { params: ema, decay: emaDecay(base.emaDecay) },
    optimizer,
    maxNorm: 1,
    terms: (rng) => {
      const times = drawTimes(rng, base.batch, teacherSteps, { first: 0 });
      const batch = draw(run, rng, base.batch);
      return denoisingLoss({ denoiser: model, schedule, ...batch, times, weighting: base.weighting });
    },
  }).finally(() => {
    disposeParams(params);
    disposeParams(ema);
    optimizer.dispose();
  });
}

/** Trains the classifier whose features CFD compares, on the same images. */
export async function trainClassifier(run: Run): Promise<void> {
  const { classifier: options } = run.config;
  const { classes } = run.data.train;
  const network = resnet({ blocks: options.blocks, width: options.width, classes: classes.length });
  const params = network.init(run.rng.fork("classifier weights"));
  const { steps, batch, crop, rate, momentum, weightDecay: l2 } = options;
  const optimizer = sgd({ learningRate: cosineAnnealing({ rate, steps }), momentum, l2 });
  await train(run, {
    name: "classifier",
    title: "Classifier",
    steps,
    describe: { network },
    params,
    optimizer,
    maxNorm: 5,
    terms: (rng) => {
      const { x0, labels } = drawBatch(run.data.train, rng, { batch, crop, flip: true });
      const { logits } = network.apply(params, x0, { train: { rng } });
      return crossEntropy(logits, labels, classes.length);
    },
  }).finally(() => {
    disposeParams(params);
    optimizer.dispose();
  });
}

/** Trains one student to do in one step what its teacher does in two. */
export async function halve(run: Run, halving: Halving): Promise<void> {
  const { method, studentSteps, name } = halving;
  const options = run.config.distillation[method];
  const { batch, rate, steps } = options;
  const network = networkOf(run);
  const schedule = scheduleOf(run);
  const teacher = await loadModel(run, halving.teacher);
  const judge = method === "cfd" ? await loadClassifier(run) : undefined;
  const params = cloneParams(teacher.params);
  const student = denoiser(network, params, "x0");
  const optimizer = adam({ learningRate: cosineAnnealing({ rate, steps }) });
  const input = (rng: Rng) => {
    const times = drawTimes(rng, batch, studentSteps);
    return { student, teacher: teacher.model, schedule, studentSteps, times, ...draw(run, rng, batch) };
  };
  const { weighting } = run.config.distillation.pd;
  const { temperature, beta, gamma } = run.config.distillation.cfd;
  const terms = (rng: Rng): LossTerms =>
    judge
      ? cfdLoss({ ...input(rng), classifier: judge.model, temperature, beta, gamma })
      : progressiveLoss({ ...input(rng), weighting });
  await train(run, {
    name,
    title: `${method.toUpperCase()} to ${inSteps(studentSteps)}`,
    steps,
    describe: describe(run, studentSteps),
    params,
    optimizer,
    maxNorm: 1,
    terms,
  }).finally(() => {
    disposeParams(params);
    disposeParams(teacher.params);
    if (judge) disposeParams(judge.params);
    optimizer.dispose();
  });
}

/** The model of a finished stage: its averaged weights where it has them. */
export async function loadModel(run: Run, name: string): Promise<Model> {
  const { network, params, ema, predictionType } = await loadCheckpoint(checkpointPath(run, name));
  if (ema) disposeParams(params);
  const weights = ema ?? params;
  return { model: denoiser(network, weights, predictionType), params: weights };
}

/** The run's trained classifier, in inference mode. It takes images as they are, in [-1, 1]. */
export async function loadClassifier(run: Run): Promise<{ model: Classifier; params: Params }> {
  const { config } = run;
  const { params } = await loadNetworkCheckpoint(checkpointPath(run, "classifier"));
  const { blocks, width } = config.classifier;
  const network = resnet({ blocks, width, classes: run.data.train.classes.length });
  return { model: classifier(network, params), params };
}

function crossEntropy(logits: tf.Tensor2D, labels: readonly number[], classes: number): LossTerms {
  const wanted = tf.oneHot(tf.tensor1d([...labels], "int32"), classes);
  const loss = tf.neg(tf.mean(tf.sum(tf.mul(wanted, tf.logSoftmax(logits)), -1))).asScalar();
  const right = tf.equal(tf.argMax(logits, -1), tf.tensor1d([...labels], "int32"));
  return { loss, accuracy: tf.mean(tf.cast(right, "float32")).asScalar() };
}
