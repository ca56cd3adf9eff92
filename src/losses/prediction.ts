import * as tf from "../tfjs.js";
import {
  checkImages,
  checkNamed,
  checkOptions,
  checkPredictionType,
  checkSameShape,
  checkTimes,
} from "../check.js";
import { toOutput, type Prediction } from "../prediction/predict.js";
import { alphaSigma } from "../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../schedules/schedule.js";
import type { PredictionType, Times } from "../types.js";
import { compared, errorWeights, type PredictionLoss } from "./prediction-error.js";
import type { Weighting } from "./weighting.js";

/** Options of {@link predictionLoss}. */
export interface PredictionLossOptions {
  /** The noise schedule under which both were predicted. */
  readonly schedule: NoiseSchedule;
  /** One time in [0, 1] per sample. */
  readonly times: Times;
  /** What the network itself puts out, in which form the two are compared: the student's `predictionType`. */
  readonly predictionType: PredictionType;
  /** Default "truncatedSnr". */
  readonly weighting?: Weighting | undefined;
}

const OPTIONS = { schedule: true, times: true, predictionType: true, weighting: true } as const;

/**
 * The loss of two predictions of the same noisy images: mean over samples of weight * mean (x0 error)^2. They are
 * compared as what the network puts out, and the weight is converted in float64, so that no digit is lost.
 *
 * @param answer the student's x0 and eps [B, H, W, C], as `predict` gives them
 * @param target what it should have answered, of the same shape: of `progressiveTarget`, or the x0 and eps of `addNoise`. A
 *   gradient reaches it too, unless it was computed `untaped`, as `progressiveTarget` is
 * @param options `schedule` and `times` of both, the student's `predictionType`, `weighting`
 * @returns scalars `loss`, `x0Mse`, `epsMse`; the caller disposes them
 * @throws if shapes do not fit, a time has no noise (alphaBar = 1), or eps is predicted at zero terminal SNR
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 4
 * @example
 * Progressive distillation, feature distillation and the dataset-oriented loss, with one pass of the student:
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import {
 *   addNoise, cosineSchedule, datasetOrientedLoss, featureDistillationLoss, noise, predict, predictionLoss,
 *   progressiveTarget, untaped, valueAndGrads, type Classifier, type Denoiser,
 * } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.scalar(0.5))) };
 * const predictionType = "x0";
 * const student: Denoiser = Object.assign((z: tf.Tensor4D) => tf.mul<tf.Tensor4D>(z, params.w), { predictionType } as const);
 * const teacher: Denoiser = Object.assign((z: tf.Tensor4D) => tf.tanh(z), { predictionType } as const);
 * const classify: Classifier = (images) => {
 *   const features = tf.mean<tf.Tensor2D>(images, [1, 2]);
 *   return { logits: tf.mul<tf.Tensor2D>(features, 3), features };
 * };
 * const [schedule, times, studentSteps] = [cosineSchedule(), [0.5, 1], 2];
 * const [x0, eps] = [tf.zeros<tf.Rank.R4>([2, 8, 8, 3]), noise([1, 2], [8, 8, 3])];
 * const { terms, grads } = valueAndGrads(() => {
 *   const zt = addNoise(schedule, x0, eps, times);
 *   const target = progressiveTarget(teacher, schedule, zt, times, { studentSteps });
 *   const answer = predict(student, schedule, zt, times);
 *   const pd = predictionLoss(answer, target, { schedule, times, predictionType });
 *   const { logits, features } = classify(answer.x0);
 *   const wanted = untaped(() => classify(target.x0).features);
 *   const cfd = featureDistillationLoss(features, wanted, { temperature: 0.9 });
 *   const dataset = datasetOrientedLoss(logits, { gamma: 0.75 });
 *   return { loss: tf.addN([cfd, tf.mul(dataset.loss, 0.003), pd.loss]).asScalar(), cfd, pd: pd.loss };
 * }, params);
 * tf.dispose([x0, eps, terms, grads, params]);
 * ```
 */
export function predictionLoss(
  answer: Prediction,
  target: Prediction,
  options: PredictionLossOptions,
): PredictionLoss {
  const where = "predictionLoss";
  checkOptions<PredictionLossOptions>(where, options, OPTIONS);
  const { schedule, times, predictionType: type, weighting = "truncatedSnr" } = options;
  checkPrediction(answer, where, "answer");
  checkPrediction(target, where, "target");
  checkSameShape(answer.x0, target.x0, where, "answer and target");
  checkSchedule(schedule, where);
  checkTimes(times, answer.x0.shape[0], where);
  checkPredictionType(type, where);
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  const weights = errorWeights({ where, type, times, coefficients, weighting });
  return tf.tidy(() =>
    compared(toOutput(type, answer, coefficients), toOutput(type, target, coefficients), weights),
  );
}

function checkPrediction(prediction: Prediction, where: string, name: string): void {
  checkNamed(prediction, where, `${name} with x0 and eps`);
  const { x0, eps } = prediction;
  checkImages(x0, where, `${name}.x0`);
  checkImages(eps, where, `${name}.eps`);
  checkSameShape(x0, eps, where, `${name}.x0 and ${name}.eps`);
}
