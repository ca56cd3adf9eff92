import * as tf from "../tfjs.js";
import { checkDenoiser, checkOptions } from "../check.js";
import { checkTrainedOn } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Labels, PredictionType, Times } from "../types.js";
import { checkBatch, questionOf } from "./batch.js";
import { answerError, errorWeights, type PredictionLoss } from "./prediction-error.js";
import type { Weighting } from "./weighting.js";

/** Arguments of {@link denoisingLoss}. */
export interface DenoisingLossInput {
  /** The model to train. */
  readonly denoiser: Denoiser;
  /** Its noise schedule. */
  readonly schedule: NoiseSchedule;
  /** Clean images [B, H, W, C] in [-1, 1]. */
  readonly x0: tf.Tensor4D;
  /** Standard normal noise of the same shape. */
  readonly eps: tf.Tensor4D;
  /** One time in [0, 1] per sample. */
  readonly times: Times;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
  /** Default: x0 "truncatedSnr", eps "eps", v "snrPlusOne", flow "flow", by the denoiser's prediction type. */
  readonly weighting?: Weighting | undefined;
}

const INPUT = {
  denoiser: true,
  schedule: true,
  x0: true,
  eps: true,
  times: true,
  labels: true,
  weighting: true,
} as const;

const DEFAULT_WEIGHTING: Readonly<Record<PredictionType, Weighting>> = {
  x0: "truncatedSnr",
  eps: "eps",
  v: "snrPlusOne",
  flow: "flow",
};

/**
 * The loss of a base model: mean over samples of weight * mean (x0 error)^2. With the default weightings, an x0
 * prediction has the authors' max(x0 error, eps error), an eps, v or flow prediction the plain error of its output (v where the
 * schedule preserves variance).
 *
 * @param input the model, its schedule and a batch
 * @returns scalars `loss`, `x0Mse`, `epsMse`; the caller disposes them
 * @throws if shapes do not fit, a time has no noise (alphaBar = 1), or eps is predicted at zero terminal SNR
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 4; Ho et al. 2020 (arXiv 2006.11239), Eq. 14
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, denoisingLoss, noise, type Denoiser } from "cfd-distill";
 * const denoiser: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "eps" as const });
 * const [x0, eps] = [tf.zeros([2, 8, 8, 3]) as tf.Tensor4D, noise([1, 2], [8, 8, 3])];
 * const terms = denoisingLoss({ denoiser, schedule: cosineSchedule(), x0, eps, times: [0.3, 0.7] });
 * tf.dispose([x0, eps, ...Object.values(terms)]);
 * ```
 */
export function denoisingLoss(input: DenoisingLossInput): PredictionLoss {
  const where = "denoisingLoss";
  checkOptions(where, input, INPUT);
  const { denoiser, schedule, x0, eps } = input;
  checkBatch(input, where);
  checkDenoiser(denoiser, where, "denoiser");
  checkTrainedOn(denoiser, schedule, where);
  const { weighting = DEFAULT_WEIGHTING[denoiser.predictionType] } = input;
  const type = denoiser.predictionType;
  return tf.tidy(() => {
    const question = questionOf(input);
    const weights = errorWeights({ where, type, ...question, weighting });
    return answerError(question, denoiser, { x0, eps }, weights);
  });
}
