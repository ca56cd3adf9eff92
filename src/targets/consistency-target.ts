import * as tf from "../tfjs.js";
import { untaped } from "../autodiff/untaped.js";
import { ddimStep } from "../prediction/ddim-step.js";
import { answerTo, type Question } from "../prediction/predict.js";
import type { AlphaSigma } from "../schedules/coefficients.js";
import type { Denoiser, Times } from "../types.js";

/** Where a consistency target lies on the way from zt to data. */
export interface EarlierTimes {
  /** One per sample, before that of zt. */
  readonly times: Times;
  readonly coefficients: readonly AlphaSigma[];
}

/** What leads from zt to the earlier time: the same noise, or one step of a teacher. */
export type Way =
  | { readonly x0: tf.Tensor4D; readonly eps: tf.Tensor4D; readonly teacher?: undefined }
  | { readonly teacher: Denoiser };

/**
 * The x0 that a student should answer at zt: that of `average` at z of the earlier time, and z itself where that time is 0.
 * Untaped (Song et al. 2023, arXiv 2303.01469, Algorithms 2 and 3). Runs in a tidy.
 */
export function consistencyTarget(
  question: Question,
  average: Denoiser,
  way: Way,
  earlier: EarlierTimes,
): tf.Tensor4D {
  return untaped(() => {
    const known = way.teacher === undefined ? way : answerTo(question, way.teacher);
    const z = ddimStep(known, earlier.coefficients);
    const isClean = earlier.times.map((t) => t === 0);
    if (isClean.every(Boolean)) return z;
    // A whole batch is asked, as models of a fixed one need; what is said of clean images, at the time of zt, is left out.
    const there = {
      zt: z,
      times: earlier.times.map((t, i) => (isClean[i] ? question.times[i]! : t)),
      labels: question.labels,
      coefficients: earlier.coefficients.map((c, i) => (isClean[i] ? question.coefficients[i]! : c)),
    };
    const both = tf.concat([z, answerTo(there, average).x0], 0);
    const chosen = isClean.map((clean, i) => (clean ? i : isClean.length + i));
    return tf.gather(both, tf.tensor1d(chosen, "int32"));
  });
}
