import * as tf from "../tfjs.js";
import { checkOptions } from "../check.js";
import { questionOf } from "./batch.js";
import { checkDistillation, DISTILLATION_INPUT, targetOf, type DistillationInput } from "./distillation.js";
import { answerError, errorWeights, type PredictionLoss } from "./prediction-error.js";
import type { Weighting } from "./weighting.js";

/** Arguments of {@link progressiveLoss}. */
export type ProgressiveLossInput = DistillationInput & {
  /** Default "truncatedSnr" for every prediction type, as in the authors' code. */
  readonly weighting?: Weighting | undefined;
};

/**
 * Progressive distillation: the student's prediction against {@link progressiveTarget}, in pixels.
 *
 * @param input student, teacher (or target), schedule and a batch
 * @returns scalars `loss`, `x0Mse`, `epsMse`; the caller disposes them
 * @throws if shapes do not fit, a time is not on the student's grid, or there is not one of teacher and target
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Algorithm 2 and Section 4
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, progressiveLoss, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const [x0, eps] = [tf.zeros([2, 8, 8, 3]) as tf.Tensor4D, noise([1, 2], [8, 8, 3])];
 * const schedule = cosineSchedule();
 * const batch = { x0, eps, times: [0.5, 1], studentSteps: 2 };
 * const terms = progressiveLoss({ student: grey, teacher: grey, schedule, ...batch });
 * console.log((await terms.loss.data())[0]); // 0
 * tf.dispose([x0, eps, ...Object.values(terms)]);
 * ```
 */
export function progressiveLoss(input: ProgressiveLossInput): PredictionLoss {
  const where = "progressiveLoss";
  checkOptions<ProgressiveLossInput>(where, input, { ...DISTILLATION_INPUT, weighting: true });
  const { student, weighting = "truncatedSnr" } = input;
  checkDistillation(input, where);
  const type = student.predictionType;
  return tf.tidy(() => {
    const question = questionOf(input);
    const weights = errorWeights({ where, type, ...question, weighting });
    return answerError(question, student, targetOf(input, question, where), weights);
  });
}
