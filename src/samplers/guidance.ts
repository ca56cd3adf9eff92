import * as tf from "../tfjs.js";
import { check, checkDenoiser, checkImages, checkLabels, checkTimes } from "../check.js";
import { askDenoiser } from "../prediction/predict.js";
import type { Denoiser, Labels, Times } from "../types.js";

/**
 * Classifier-free guidance: a denoiser whose output is uncond + scale * (cond - uncond), from one call of the
 * given denoiser on twice the batch. Scale 1 is the conditional model; Ho & Salimans' w is scale - 1.
 *
 * @param denoiser a class-conditional denoiser, trained with labels and with -1
 * @param scale a finite number, usually 1 to 8
 * @returns a denoiser that must be given labels
 * @throws if `scale` is not finite, or when called without labels or with what does not fit
 * @see Ho & Salimans 2022 (arXiv 2207.12598), Eq. 6
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { withGuidance, type Denoiser, type Labels, type Times } from "cfd-distill";
 * const byLabel = (zt: tf.Tensor4D, _: Times, labels: Labels = []) =>
 *   tf.tidy(() => tf.add(tf.zerosLike(zt), tf.tensor4d([...labels], [labels.length, 1, 1, 1]))) as tf.Tensor4D;
 * const guided = withGuidance(Object.assign(byLabel, { predictionType: "x0" as const }) as Denoiser, 3);
 * const output = tf.tidy(() => guided(tf.zeros([1, 1, 1, 1]), [0.5], [1]).flatten());
 * console.log(await output.data()); // -1 + 3 * (1 - -1) = 5
 * output.dispose();
 * ```
 */
export function withGuidance(denoiser: Denoiser, scale: number): Denoiser {
  checkDenoiser(denoiser, "withGuidance");
  check(Number.isFinite(scale), "withGuidance", "scale to be a finite number", scale);
  const guided = (zt: tf.Tensor4D, times: Times, labels?: Labels): tf.Tensor4D => {
    check(labels !== undefined, "withGuidance", "labels to guide towards", labels);
    checkImages(zt, "withGuidance", "zt");
    checkTimes(times, zt.shape[0], "withGuidance");
    checkLabels(labels, zt.shape[0], "withGuidance");
    return tf.tidy(() => {
      const none = labels.map(() => -1);
      const both = askDenoiser(denoiser, tf.concat([zt, zt], 0), [...times, ...times], [...labels, ...none]);
      const [conditional, unconditional] = tf.split(both, 2, 0) as [tf.Tensor4D, tf.Tensor4D];
      return tf.add(unconditional, tf.mul(tf.sub(conditional, unconditional), scale));
    });
  };
  const { predictionType, variance, schedule } = denoiser;
  return Object.assign(guided, {
    predictionType,
    ...(variance && { variance }),
    ...(schedule && { schedule }),
  });
}
