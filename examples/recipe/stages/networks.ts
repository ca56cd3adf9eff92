import { adam, cloneParams, cosineAnnealing, disposeParams, emaDecay, linearWarmup, sgd } from "cfd-distill";
import { methodName } from "../config/halvings.js";
import type { Halving, RecipeConfig } from "../config/schema.js";
import { classifierOf, imagesOf, teacherOf } from "../models/models.js";
import { inSteps } from "../../../tools/words.js";
import { train } from "./train.js";
import { type Run } from "../storage/run.js";
import { openStudent } from "./students.js";
import { classifierTerms, teacherTerms } from "./terms.js";

/** The diffusion model that the others learn from: of its weights the average is used. */
export async function trainTeacher(run: Run): Promise<void> {
  const { teacherSteps, base } = run.config;
  const { network, schedule, predictionType } = teacherOf(run);
  const params = network.init(run.rng.fork("teacher weights"));
  const ema = cloneParams(params);
  const settled = base.anneal ? cosineAnnealing({ rate: base.rate, steps: base.steps }) : base.rate;
  const optimizer = adam({ learningRate: linearWarmup({ rate: settled, steps: base.warmup }) });
  await train(run, {
    name: "teacher",
    title: "Teacher",
    describe: { network, schedule, predictionType, steps: teacherSteps, ...imagesOf(run, network) },
    params,
    ema: { params: ema, decay: emaDecay(base.emaDecay) },
    optimizer,
    maxNorm: 1,
    terms: teacherTerms(run, params),
    training: base,
  }).finally(() => {
    disposeParams(params);
    disposeParams(ema);
    optimizer.dispose();
  });
}

/** The classifier whose features CFD compares: trained on the same images. */
export async function trainClassifier(run: Run): Promise<void> {
  const training = run.config.classifier;
  const network = classifierOf(run);
  const params = network.init(run.rng.fork("classifier weights"));
  const { momentum, weightDecay: l2 } = training;
  const optimizer = sgd({ learningRate: rateOf(training), momentum, l2 });
  await train(run, {
    name: "classifier",
    title: "Classifier",
    describe: { network },
    params,
    optimizer,
    maxNorm: 5,
    terms: classifierTerms(run, params),
    training,
  }).finally(() => {
    disposeParams(params);
    optimizer.dispose();
  });
}

function rateOf({ schedule, rate, steps }: RecipeConfig["classifier"]): (step: number) => number {
  if (schedule === "cosine") return cosineAnnealing({ rate, steps });
  return (step) => rate * (step < steps / 2 ? 1 : step < (3 * steps) / 4 ? 0.1 : 0.01);
}

/** Trains one student to do in one step what its teacher does in two, or in all. It starts from the teacher's weights. */
export async function halve(run: Run, halving: Halving): Promise<void> {
  const { studentSteps, name, label, seed } = halving;
  const { student, terms, critic, dispose } = await openStudent(run, halving);
  const { params, ...description } = student;
  const ema = halving.emaDecay === undefined ? undefined : cloneParams(params);
  const learningRate = cosineAnnealing({ rate: halving.rate, steps: halving.steps });
  // Of two that follow one another each is late enough without momentum (docs/one-step.md).
  const optimizer = adam({ learningRate, ...(critic && { beta1: 0 }) });
  const ofCritic = adam({ learningRate, beta1: 0 });
  await train(run, {
    name,
    ...(seed !== undefined && { stream: `halving to ${studentSteps}, seed ${seed}` }),
    title: `${label ?? methodName(halving)} to ${inSteps(studentSteps)}`,
    describe: { ...description, ...imagesOf(run, description.network) },
    params,
    ...(ema && { ema: { params: ema, decay: emaDecay(halving.emaDecay!) } }),
    optimizer,
    maxNorm: 1,
    terms,
    ...(critic && { critic: { ...critic, optimizer: ofCritic } }),
    training: halving,
  }).finally(() => {
    dispose();
    if (ema) disposeParams(ema);
    optimizer.dispose();
    ofCritic.dispose();
  });
}
