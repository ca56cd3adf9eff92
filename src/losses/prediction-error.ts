import * as tf from "../tfjs.js";
import { check } from "../check.js";
import { askDenoiser, checkEpsDeterminesX0, toOutput } from "../prediction/predict.js";
import type { Prediction, Question } from "../prediction/predict.js";
import { power, type AlphaSigma } from "../schedules/coefficients.js";
import type { Denoiser, PredictionType, Times } from "../types.js";
import { weightOf, type Weighting } from "./weighting.js";

/** Terms of the losses that compare predictions. */
export type PredictionLoss = {
  /** The weighted mean, to be differentiated. */
  readonly loss: tf.Scalar;
  /** Mean squared error of x0 over the batch, unweighted. */
  readonly x0Mse: tf.Scalar;
  /** Mean squared error of eps over the batch, unweighted. */
  readonly epsMse: tf.Scalar;
};

/** How a network's output is compared. */
export interface Comparison {
  /** Who complains. */
  readonly where: string;
  readonly type: PredictionType;
  readonly times: Times;
  readonly coefficients: readonly AlphaSigma[];
  readonly weighting: Weighting;
}

/** Per sample and term, what the squared error of the network's output is multiplied by, in float64. */
export type ErrorWeights = { readonly [Term in keyof PredictionLoss]: readonly number[] };

/**
 * mean_i w(SNR_i) * mean (x0 error_i)^2. Since zt is common to target and answer, the errors of x0, eps, v and flow are
 * multiples of one another (Salimans & Ho 2022, Section 4): the network's own output is compared and the weight
 * is converted, in float64, so that nothing is divided by a vanishing alpha or sigma in float32.
 */
export function errorWeights({ where, type, times, coefficients, weighting }: Comparison): ErrorWeights {
  checkEpsDeterminesX0(type, coefficients);
  const clean = times.find((_, i) => coefficients[i]!.sigma === 0);
  check(clean === undefined, where, "times with noise in them (alphaBar < 1)", clean);
  const ratios = coefficients.map((c) => errorRatios(type, c));
  return {
    loss: ratios.map(({ x0 }, i) => x0 * weightOf(weighting, snr(coefficients[i]!), where)),
    x0Mse: ratios.map(({ x0 }) => x0),
    epsMse: ratios.map(({ eps }) => eps),
  };
}

/** The terms of a network's output against what it should have been. Runs in a tidy. */
export function compared(output: tf.Tensor4D, wanted: tf.Tensor4D, weights: ErrorWeights): PredictionLoss {
  const own: tf.Tensor1D = tf.mean(tf.square(tf.sub(output, wanted)), [1, 2, 3]);
  return {
    loss: weightedMean(own, weights.loss),
    x0Mse: weightedMean(own, weights.x0Mse),
    epsMse: weightedMean(own, weights.epsMse),
  };
}

/** A denoiser's answer against what it should have been, asked once and compared as it comes. Runs in a tidy. */
export function answerError(
  question: Question,
  denoiser: Denoiser,
  target: Prediction,
  weights: ErrorWeights,
): PredictionLoss {
  const { zt, times, labels, coefficients } = question;
  const wanted = toOutput(denoiser.predictionType, target, coefficients);
  return compared(askDenoiser(denoiser, zt, times, labels), wanted, weights);
}

/** The squared errors of x0 and eps, as multiples of the squared error of what the network predicts. */
function errorRatios(type: PredictionType, c: AlphaSigma): { readonly x0: number; readonly eps: number } {
  const { alpha, sigma } = c;
  const sum = alpha + sigma;
  const toEps = { x0: snr(c), eps: 1, v: alpha ** 2 / power(c) ** 2, flow: (alpha / sum) ** 2 }[type];
  const toX0 = { x0: 1, eps: 1 / snr(c), v: sigma ** 2 / power(c) ** 2, flow: (sigma / sum) ** 2 }[type];
  return { x0: toX0, eps: toEps };
}

function snr({ alpha, sigma }: AlphaSigma): number {
  return (alpha / sigma) ** 2;
}

/** The mean over samples of weight * value. */
export function weightedMean(values: tf.Tensor1D, weights: readonly number[]): tf.Scalar {
  return tf.mean(tf.mul(values, tf.tensor1d(Float32Array.from(weights))));
}
