import * as tf from "../tfjs.js";
import { check, checkOptions, checkRows, checkSameShape, isNumber } from "../check.js";
import { untaped } from "../autodiff/untaped.js";
import { logProbabilities } from "./log-probabilities.js";

/** Options of {@link featureDistillationLoss}. */
export interface FeatureDistillationOptions {
  /** Divides the teacher's features before their softmax; below 1 sharpens. The paper's tau. */
  readonly temperature: number;
}

/**
 * Feature alignment: KL( softmax(teacherFeatures / temperature) || softmax(studentFeatures) ), mean over the batch.
 * The temperature acts on the teacher alone and there is no factor temperature^2.
 *
 * @param studentFeatures [B, width]
 * @param teacherFeatures [B, width]; constants, no gradient reaches them
 * @param options `temperature` > 0; the paper uses 0.9 and 0.95
 * @returns a scalar >= 0, in nats, finite for all finite features (a log-probability ends at -1e30); the caller disposes it
 * @throws if the shapes differ or the temperature is not positive
 * @see Sun et al. 2022 (arXiv 2211.12039), Section 3 (classifier-based feature distillation)
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { featureDistillationLoss } from "cfd-distill";
 * const features = tf.tensor2d([[1, 0, 2]]);
 * const loss = featureDistillationLoss(features, features, { temperature: 1 });
 * console.log((await loss.data())[0]); // 0
 * tf.dispose([features, loss]);
 * ```
 */
export function featureDistillationLoss(
  studentFeatures: tf.Tensor2D,
  teacherFeatures: tf.Tensor2D,
  options: FeatureDistillationOptions,
): tf.Scalar {
  const where = "featureDistillationLoss";
  checkOptions(where, options, { temperature: true });
  const { temperature } = options;
  checkRows(studentFeatures, where, ["studentFeatures", "width"]);
  checkRows(teacherFeatures, where, ["teacherFeatures", "width"]);
  checkSameShape(studentFeatures, teacherFeatures, where, "studentFeatures and teacherFeatures");
  check(isNumber(temperature) && temperature > 0, where, "temperature > 0", temperature);
  return tf.tidy(() => {
    const logP = untaped(() => logProbabilities(teacherFeatures, temperature));
    const logQ = logProbabilities(studentFeatures);
    const perSample = tf.sum(tf.mul(tf.exp(logP), tf.sub(logP, logQ)), 1);
    return tf.mean(perSample);
  });
}
