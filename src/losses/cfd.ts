import * as tf from "../tfjs.js";
import { check, checkOptions, isNumber } from "../check.js";
import { answerTo } from "../prediction/predict.js";
import { untaped } from "../autodiff/untaped.js";
import type { Classifier } from "../types.js";
import { askClassifier } from "./ask-classifier.js";
import { questionOf } from "./batch.js";
import { datasetOrientedLoss } from "./dataset-oriented.js";
import { checkDistillation, DISTILLATION_INPUT, targetOf, type DistillationInput } from "./distillation.js";
import { featureDistillationLoss } from "./feature.js";

/** Arguments of {@link cfdLoss}. */
export type CfdLossInput = DistillationInput & {
  /** Frozen classifier of images in [-1, 1], whose features are compared. */
  readonly classifier: Classifier;
  /** Sharpening of the teacher's features, > 0 (the paper's tau; 0.9 with DenseNet-201, 0.95 with ResNet-18). */
  readonly temperature: number;
  /** Weight of the dataset-oriented loss, >= 0. Default 0. (The authors' flag --alpha.) */
  readonly beta?: number | undefined;
  /** Weight of entropy against diversity in it, in [0, 1]. Default 0.75. (The authors' flag --beta.) */
  readonly gamma?: number | undefined;
};

const INPUT = {
  ...DISTILLATION_INPUT,
  classifier: true,
  temperature: true,
  beta: true,
  gamma: true,
} as const;

/** Terms of {@link cfdLoss}. */
export type CfdLoss = {
  /** feature + beta * (gamma * entropy + (1 - gamma) * diversity). */
  readonly loss: tf.Scalar;
  /** The feature distillation loss, in nats. */
  readonly feature: tf.Scalar;
  /** See {@link datasetOrientedLoss}. */
  readonly entropy: tf.Scalar;
  /** See {@link datasetOrientedLoss}. */
  readonly diversity: tf.Scalar;
};

/**
 * Classifier-based feature distillation: the student's x0 and the progressive target are shown to a classifier,
 * and their features are aligned instead of their pixels.
 *
 * @param input student, teacher (or target), classifier, schedule, a batch, and the loss's weights
 * @returns scalars `loss`, `feature`, `entropy`, `diversity`; the caller disposes them
 * @throws if shapes do not fit, a time is not on the student's grid, or a weight is out of range
 * @see Sun et al. 2022 (arXiv 2211.12039), Section 3
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cfdLoss, cosineSchedule, noise, type Classifier, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const meanColour: Classifier = (images) => {
 *   const features = tf.mean(images, [1, 2]) as tf.Tensor2D;
 *   return { logits: features.clone(), features };
 * };
 * const [x0, eps] = [tf.zeros([2, 8, 8, 3]) as tf.Tensor4D, noise([1, 2], [8, 8, 3])];
 * const terms = cfdLoss({
 *   student: grey, teacher: grey, classifier: meanColour, schedule: cosineSchedule(),
 *   x0, eps, times: [0.5, 1], studentSteps: 2, temperature: 0.95, beta: 0.003, gamma: 0.75,
 * });
 * tf.dispose([x0, eps, ...Object.values(terms)]);
 * ```
 */
export function cfdLoss(input: CfdLossInput): CfdLoss {
  checkOptions<CfdLossInput>("cfdLoss", input, INPUT);
  const { student, classifier, temperature, beta = 0, gamma = 0.75 } = input;
  checkDistillation(input, "cfdLoss");
  check(typeof classifier === "function", "cfdLoss", "classifier to be a function", classifier);
  check(isNumber(beta, 0), "cfdLoss", "beta >= 0", beta);
  check(isNumber(temperature) && temperature > 0, "cfdLoss", "temperature > 0", temperature);
  return tf.tidy(() => {
    const question = questionOf(input);
    const target = targetOf(input, question, "cfdLoss");
    const teacherFeatures = untaped(() => askClassifier(classifier, target.x0, "cfdLoss").features);
    const answer = answerTo(question, student);
    const { logits, features } = askClassifier(classifier, answer.x0, "cfdLoss");
    const feature = featureDistillationLoss(features, teacherFeatures, { temperature });
    const { loss: datasetOriented, entropy, diversity } = datasetOrientedLoss(logits, { gamma });
    const loss: tf.Scalar = beta === 0 ? feature.clone() : tf.add(feature, tf.mul(datasetOriented, beta));
    return { loss, feature, entropy, diversity };
  });
}
