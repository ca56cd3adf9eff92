import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import { askDenoiser, checkEpsDeterminesX0, toOutput, type Prediction } from "../prediction/predict.js";
import { alphaSigma, type AlphaSigma } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Labels, PredictionType, Times } from "../types.js";
import { weightOf, type Weighting } from "./weighting.js";

/** What a denoiser is asked, and what it should have answered. */
interface Question {
  readonly where: string;
  readonly denoiser: Denoiser;
  readonly schedule: NoiseSchedule;
  readonly zt: tf.Tensor4D;
  readonly target: Prediction;
  readonly times: Times;
  readonly labels?: Labels | undefined;
  readonly weighting: Weighting;
}

/** Terms of the losses that compare predictions. */
export type PredictionLoss = {
  /** The weighted mean, to be differentiated. */
  readonly loss: tf.Scalar;
  /** Mean squared error of x0 over the batch, unweighted. */
  readonly x0Mse: tf.Scalar;
  /** Mean squared error of eps over the batch, unweighted. */
  readonly epsMse: tf.Scalar;
};

/**
 * mean_i w(SNR_i) * mean (x0 error_i)^2. Since zt is common to target and answer, the errors of x0, eps and v are
 * multiples of one another (Salimans & Ho 2022, Section 4): the network's own output is compared and the weight
 * is converted, in float64, so that nothing is divided by a vanishing alpha or sigma in float32.
 */
export function predictionError(question: Question): PredictionLoss {
  const { where, denoiser, schedule, zt, target, times, labels, weighting } = question;
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  const type = denoiser.predictionType;
  checkEpsDeterminesX0(type, coefficients);
  const clean = times.find((t) => schedule.alphaBar(t) === 1);
  check(clean === undefined, where, "times with noise in them (alphaBar < 1)", clean);

  const ratios = coefficients.map((c) => errorRatios(type, c));
  const weights = ratios.map(({ x0 }, i) => x0 * weightOf(weighting, snr(coefficients[i]!), where));
  return tf.tidy(() => {
    const output = askDenoiser(denoiser, zt, times, labels);
    const error = tf.sub(output, toOutput(type, target, coefficients));
    const own: tf.Tensor1D = tf.mean(tf.square(error), [1, 2, 3]);
    return {
      loss: weightedMean(own, weights),
      x0Mse: weightedMean(
        own,
        ratios.map((r) => r.x0),
      ),
      epsMse: weightedMean(
        own,
        ratios.map((r) => r.eps),
      ),
    };
  });
}

/** The squared errors of x0 and eps, as multiples of the squared error of what the network predicts. */
function errorRatios(type: PredictionType, c: AlphaSigma): { readonly x0: number; readonly eps: number } {
  const toEps = { x0: snr(c), eps: 1, v: c.alpha ** 2 }[type];
  const toX0 = { x0: 1, eps: 1 / snr(c), v: c.sigma ** 2 }[type];
  return { x0: toX0, eps: toEps };
}

function snr({ alpha, sigma }: AlphaSigma): number {
  return (alpha / sigma) ** 2;
}

function weightedMean(values: tf.Tensor1D, weights: readonly number[]): tf.Scalar {
  return tf.mean(tf.mul(values, tf.tensor1d(Float32Array.from(weights))));
}
