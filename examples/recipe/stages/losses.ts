// What a halving minimises.
import * as tf from "@tensorflow/tfjs";
import {
  addNoise,
  cfdLoss,
  createRng,
  classifier,
  disposeParams,
  predict,
  progressiveLoss,
  progressiveTarget,
  resnet,
  type Classifier,
  type Denoiser,
  type DistillationInput,
  type LossTerms,
  type Params,
} from "cfd-distill";
import type { Halving } from "../config/schema.js";
import { loadClassifierModel } from "../models/models.js";
import type { Setup as Place } from "../storage/setup.js";

/** What a loss needs, from a teacher that answers when it is asked. */
export type DistillationBatch = Omit<DistillationInput, "teacher" | "target"> & {
  readonly teacher: Denoiser;
};

type ByPd = Extract<Halving, { method: "pd" }>;
type ByCfd = Extract<Halving, { method: "cfd" }>;

/** PD's loss, in pixels. */
export function pixelTerms(batch: DistillationBatch, { weighting, consistency = false }: ByPd): LossTerms {
  return consistency ? consistencyTerms(batch, weighting) : progressiveLoss({ ...batch, weighting });
}

/**
 * At a time of its own, t, the student learns what it answers itself half a step later, to where the teacher goes
 * from t; there it learns the teacher's answer. A consistency loss within each of its steps: Song et al. 2023 (arXiv
 * 2303.01469), Algorithm 2; Heek et al. 2024 (arXiv 2403.06807), Section 3.
 */
function consistencyTerms(batch: DistillationBatch, weighting: ByPd["weighting"]): LossTerms {
  const { teacher, student, schedule, x0, eps, times, labels, studentSteps } = batch;
  const { predictionType } = teacher;
  return tf.tidy(() => {
    const order = [teacher, student];
    const inTurn: Denoiser = Object.assign(
      (...question: Parameters<Denoiser>) => order.shift()!(...question),
      { predictionType },
    );
    const own = progressiveLoss({ ...batch, teacher: inTurn, weighting });
    const later = times.map((time) => time - 0.5 / studentSteps);
    const target = predict(teacher, schedule, addNoise(schedule, x0, eps, later), later, { labels });
    const rest = { student, schedule, x0, eps, labels, weighting };
    const taught = progressiveLoss({ ...rest, target, times: later, studentSteps: 2 * studentSteps });
    return Object.fromEntries(
      (["loss", "x0Mse", "epsMse"] as const).map((term) => [
        term,
        tf.add(own[term], taught[term]).div(2).asScalar(),
      ]),
    ) as LossTerms;
  });
}

/** CFD's loss by one classifier or several, with PD's added to it where the halving asks for it; they share the target. */
export function featureTerms(
  { teacher, ...batch }: DistillationBatch,
  classifiers: readonly Classifier[],
  { temperature, beta, gamma, pixels = 0 }: ByCfd,
): LossTerms {
  const [last, ...earlier] = classifiers as [Classifier, ...Classifier[]];
  return tf.tidy(() => {
    const { schedule, x0, eps, times, studentSteps, labels } = batch;
    const zt = addNoise(schedule, x0, eps, times);
    const target = progressiveTarget(teacher, schedule, zt, times, { studentSteps, labels });
    const terms: LossTerms = cfdLoss({ ...batch, target, classifier: last, temperature, beta, gamma });
    const more = earlier.map(
      (judge) => cfdLoss({ ...batch, target, classifier: judge, temperature }).feature,
    );
    const error = pixels > 0 ? progressiveLoss({ ...batch, target }).loss : undefined;
    return {
      ...terms,
      ...Object.fromEntries(more.map((feature, i) => [`feature${i + 1}`, feature])),
      ...(error && { pixels: error }),
      loss: tf.addN([terms.loss, ...more, ...(error ? [tf.mul(error, pixels)] : [])]).asScalar(),
    };
  });
}

/**
 * The run's classifier without its last stages: as many classifiers as stages, each with the features at another
 * depth. What they say of classes means nothing.
 */
export async function earlierClassifiers(
  place: Place,
  count: number,
): Promise<{ models: Classifier[]; params: Params[] }> {
  if (count === 0) return { models: [], params: [] };
  const { network, params } = await loadClassifierModel(place);
  try {
    const { config } = network;
    if (config.type !== "resnet" || config.blocks.length <= count) {
      throw new Error(`layers: expected a ResNet of more than ${count} stages as the classifier.`);
    }
    const cut = Array.from({ length: count }, (_, i) => {
      const shorter = resnet({ ...config, blocks: config.blocks.slice(0, -1 - i) });
      const weights = shorter.init(createRng(0));
      for (const [name, weight] of Object.entries(weights)) {
        const trained = params[name];
        if (trained && tf.util.arraysEqual(trained.shape, weight.shape)) weight.assign(trained);
      }
      return { model: classifier(shorter, weights, place.config.classifierScaling ?? {}), weights };
    });
    return { models: cut.map(({ model }) => model), params: cut.map(({ weights }) => weights) };
  } finally {
    disposeParams(params);
  }
}
