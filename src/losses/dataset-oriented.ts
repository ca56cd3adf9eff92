import * as tf from "../tfjs.js";
import { check, checkOptions, checkRows, isNumber } from "../check.js";
import { logProbabilities } from "./log-probabilities.js";

/** Terms of {@link datasetOrientedLoss}. */
export type DatasetOrientedLoss = {
  /** gamma * entropy + (1 - gamma) * diversity. */
  readonly loss: tf.Scalar;
  /** Mean entropy of the single predictions, in nats: small when each image has a clear class. */
  readonly entropy: tf.Scalar;
  /** Negative entropy of the mean prediction, in nats: small when the batch covers the classes. */
  readonly diversity: tf.Scalar;
};

/** Options of {@link datasetOrientedLoss}. */
export interface DatasetOrientedOptions {
  /** Weight of entropy against diversity, in [0, 1]. */
  readonly gamma: number;
}

/**
 * The dataset-oriented loss: gamma * mean_i H(p_i) + (1 - gamma) * sum_c pbar_c log pbar_c, with p = softmax(logits)
 * and pbar its mean over the batch. Diversity depends on the batch size.
 *
 * @param logits the classifier's answer to the student's images [B, classes]
 * @param options `gamma` in [0, 1]; the paper uses 0.75 with ResNet-18
 * @returns scalars `loss`, `entropy`, `diversity`, finite for all finite logits; the caller disposes them
 * @throws if logits are not [B, classes] or gamma is outside [0, 1]
 * @see Sun et al. 2022 (arXiv 2211.12039), Section 3 (dataset-oriented loss)
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { datasetOrientedLoss } from "cfd-distill";
 * const logits = tf.tensor2d([[1000, 0], [0, 1000]]); // two certain images of two classes
 * const { loss, entropy, diversity } = datasetOrientedLoss(logits, { gamma: 0.75 });
 * console.log((await diversity.data())[0]); // -log 2
 * tf.dispose([logits, loss, entropy, diversity]);
 * ```
 */
export function datasetOrientedLoss(
  logits: tf.Tensor2D,
  options: DatasetOrientedOptions,
): DatasetOrientedLoss {
  checkOptions("datasetOrientedLoss", options, { gamma: true });
  const { gamma } = options;
  checkRows(logits, "datasetOrientedLoss", ["logits", "classes"]);
  check(isNumber(gamma, 0, 1), "datasetOrientedLoss", "gamma in [0, 1]", gamma);
  return tf.tidy(() => {
    // p log p by way of log-softmax: the naive form is 0 * -Infinity once a logit gap exceeds about 104.
    const logP = logProbabilities(logits);
    const entropy = tf.neg(tf.mean<tf.Scalar>(tf.sum(tf.mul(tf.exp(logP), logP), 1)));
    const logMean = tf.sub(tf.logSumExp(logP, 0), Math.log(logits.shape[0]));
    const diversity: tf.Scalar = tf.sum(tf.mul(tf.exp(logMean), logMean));
    return { loss: tf.add(tf.mul(entropy, gamma), tf.mul(diversity, 1 - gamma)), entropy, diversity };
  });
}
