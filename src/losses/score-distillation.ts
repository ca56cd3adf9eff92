import * as tf from "../tfjs.js";
import { frozen } from "../autodiff/frozen.js";
import { untaped } from "../autodiff/untaped.js";
import { check, checkDenoiser, checkOptions, fail, isNumber } from "../check.js";
import { answerTo, type Question } from "../prediction/predict.js";
import { checkTrainedOn } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Labels, Times } from "../types.js";
import { checkBatch, questionOf } from "./batch.js";

/**
 * `"vsd"`: variational score distillation, as in distribution matching distillation; `"sid"`: score identity
 * distillation.
 */
export type ScoreVariant = "vsd" | "sid";

/** Arguments of {@link scoreDistillationLoss}. */
export interface ScoreDistillationInput {
  /** The one-step student's x0 [B, H, W, C], of which it is differentiated. */
  readonly images: tf.Tensor4D;
  /** A denoiser of the data. Its weights are constants. */
  readonly teacher: Denoiser;
  /** A denoiser of the student's images, trained on them beside the student. Its weights are constants here. */
  readonly critic: Denoiser;
  /** The noise schedule of both. */
  readonly schedule: NoiseSchedule;
  /** Standard normal noise of the images' shape. */
  readonly eps: tf.Tensor4D;
  /** One time in [0, 1] per sample, at which both are asked. */
  readonly times: Times;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
  readonly variant: ScoreVariant;
  /** Of "sid": the share of the explicit score matching term that is taken off. Default 1. */
  readonly alpha?: number | undefined;
}

const INPUT = {
  images: true,
  teacher: true,
  critic: true,
  schedule: true,
  eps: true,
  times: true,
  labels: true,
  variant: true,
  alpha: true,
} as const;

/** Terms of {@link scoreDistillationLoss}. */
export type ScoreDistillationLoss = {
  /** To be differentiated; of "vsd" the gradient alone means something. */
  readonly loss: tf.Scalar;
};

/**
 * Score distillation of a one-step student, without data: noise is added to its images, and where a critic that knows
 * them and the teacher that knows the data disagree about what lies beneath, the images are moved to the teacher's side.
 *
 * With D the teacher's x0, P the critic's, n a sample's mean |images - D| (at least 1e-6): "vsd" is the mean of
 * (images - stop(images - g))^2 / 2 with g = (P - D) / n, both networks constants; "sid" is the mean of
 * (D - P) ((D - images) - alpha (D - P)) / stop(n), of which a gradient passes through the networks' inputs too (each runs
 * again for that: give them without dropout). The critic learns by `denoisingLoss` on the images in turn.
 *
 * @param input images, teacher, critic, schedule, noise and times; `variant`; `labels`, `alpha`
 * @returns the scalar `loss`; the caller disposes it
 * @throws if shapes do not fit, a time has no noise (alphaBar = 1), eps is predicted at zero terminal SNR, the variant is
 *   unknown or alpha not finite
 * @see Yin et al. 2024 (arXiv 2311.18828), Section 3.2; Zhou et al. 2024 (arXiv 2404.04057), Section 4
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, scoreDistillationLoss, valueAndGrads, type Denoiser } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.scalar(0.3))) }; // of a student whose images are w * noise
 * const shrink = (by: number): Denoiser =>
 *   Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, by), { predictionType: "x0" as const });
 * const [zT, eps] = [noise([1, 2], [8, 8, 3]), noise([3, 4], [8, 8, 3])];
 * const models = { teacher: shrink(0.5), critic: shrink(0.2), schedule: cosineSchedule(), variant: "sid" } as const;
 * const { terms, grads } = valueAndGrads(() => {
 *   const images = tf.mul<tf.Tensor4D>(zT, params.w);
 *   return scoreDistillationLoss({ images, ...models, eps, times: [0.4, 0.8] });
 * }, params);
 * tf.dispose([params, zT, eps, terms, grads]);
 * ```
 */
export function scoreDistillationLoss(input: ScoreDistillationInput): ScoreDistillationLoss {
  const where = "scoreDistillationLoss";
  checkOptions<ScoreDistillationInput>(where, input, INPUT);
  const { images, teacher, critic, schedule, variant, alpha = 1 } = input;
  const batch = { ...input, x0: images };
  checkBatch(batch, where, "images");
  checkDenoiser(teacher, where, "teacher");
  checkDenoiser(critic, where, "critic");
  checkTrainedOn(teacher, schedule, where, "a teacher");
  checkTrainedOn(critic, schedule, where, "a critic");
  check(isNumber(alpha), where, "alpha to be a finite number", alpha);
  return tf.tidy(() => {
    const question = questionOf(batch);
    const clean = question.times.find((_, i) => question.coefficients[i]!.sigma === 0);
    check(clean === undefined, where, "times with noise in them (alphaBar < 1)", clean);
    switch (variant) {
      case "vsd":
        return { loss: vsd(images, question, { teacher, critic }) };
      case "sid":
        return { loss: sid(images, question, { teacher, critic, alpha }) };
      default:
        return unknownVariant(variant, where);
    }
  });
}

interface Models {
  readonly teacher: Denoiser;
  readonly critic: Denoiser;
}

/** Yin et al. 2024 (arXiv 2311.18828), Eqs. 7 and 8: the gradient is g, up to a constant. */
function vsd(images: tf.Tensor4D, question: Question, { teacher, critic }: Models): tf.Scalar {
  const held = untaped(() => {
    const real = answerTo(question, teacher).x0;
    const fake = answerTo(question, critic).x0;
    return { images, g: tf.div<tf.Tensor4D>(tf.sub(fake, real), scaleOf(images, real)) };
  });
  // images - stop(images) is 0 to the bit, so that g keeps its digits.
  return tf.mul(tf.mean<tf.Scalar>(tf.square(tf.add(tf.sub(images, held.images), held.g))), 0.5);
}

/** Zhou et al. 2024 (arXiv 2404.04057), Section 4: the fused loss, in x0. */
function sid(
  images: tf.Tensor4D,
  question: Question,
  { teacher, critic, alpha }: Models & { readonly alpha: number },
): tf.Scalar {
  const x0Of = (model: Denoiser) => frozen((zt) => answerTo({ ...question, zt }, model).x0, question.zt);
  const [real, fake] = [x0Of(teacher), x0Of(critic)];
  const scale = untaped(() => scaleOf(images, real));
  const gap = tf.sub(real, fake);
  const rest = tf.sub(tf.sub(real, images), tf.mul(gap, alpha));
  return tf.mean(tf.div(tf.mul(gap, rest), scale));
}

/** Differences of images in [-1, 1] below this are rounding. */
const LEAST_SCALE = 1e-6;

/** A sample's mean |images - real|, [B, 1, 1, 1]. */
function scaleOf(images: tf.Tensor4D, real: tf.Tensor4D): tf.Tensor4D {
  return tf.maximum(tf.mean(tf.abs(tf.sub(images, real)), [1, 2, 3], true), LEAST_SCALE);
}

function unknownVariant(variant: never, where: string): never {
  return fail(where, 'variant "vsd" or "sid"', variant);
}
