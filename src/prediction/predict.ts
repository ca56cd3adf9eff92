import * as tf from "../tfjs.js";
import { check, checkImages, checkLabels, checkOptions, checkSameShape, checkTimes, fail } from "../check.js";
import { alphaSigma, checkTrainedOn, perSample, power, type AlphaSigma } from "../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Labels, PredictionType, Times } from "../types.js";

/** A denoiser's answer in both forms, tied by zt = alpha x0 + sigma eps. */
export type Prediction = { readonly x0: tf.Tensor4D; readonly eps: tf.Tensor4D };

/**
 * What is kept within [-1, 1]. `true`: every x0, and eps is recomputed from it; `"x0"`: x0 alone, eps stays as
 * it was; `false`: nothing.
 */
export type Clip = boolean | "x0";

/** Below this alphaBar nothing of x0 is left in zt, and eps does not determine x0. */
const LEAST_ALPHA_BAR = 1e-20;

/** Options of {@link predict}. */
export interface PredictOptions {
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
  /** Default false. */
  readonly clip?: Clip | undefined;
}

/**
 * Asks a denoiser and gives its answer as x0 and eps, whatever it predicts.
 *
 * @param denoiser the model
 * @param schedule its noise schedule
 * @param zt noisy images [B, H, W, C]
 * @param times one time in [0, 1] per sample
 * @param options `labels` and `clip`
 * @returns x0 and eps [B, H, W, C]; the caller disposes them
 * @throws if the shapes do not fit; if the denoiser says that it was trained on another schedule; if an eps prediction is asked at zero terminal SNR (alphaBar < 1e-20); if eps
 *   is asked of an x0 where sigma is 0
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 4 and Appendix D; Lipman et al. 2023 (arXiv 2210.02747), Section 4.1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, predict, type Denoiser } from "cfd-distill";
 * const black: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.fill(zt.shape, -1) as tf.Tensor4D, {
 *   predictionType: "x0" as const,
 * });
 * tf.tidy(() => predict(black, cosineSchedule(), noise([1], [8, 8, 3]), [0.5]).eps.shape);
 * ```
 */
export function predict(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zt: tf.Tensor4D,
  times: Times,
  options: PredictOptions = {},
): Prediction {
  checkOptions("predict", options, { labels: true, clip: true });
  const { labels, clip = false } = options;
  checkSchedule(schedule, "predict");
  checkImages(zt, "predict", "zt");
  checkTimes(times, zt.shape[0], "predict");
  checkLabels(labels, zt.shape[0], "predict");
  checkClip(clip, "predict");
  checkTrainedOn(denoiser, schedule, "predict");
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  return tf.tidy(() => answerTo({ zt, times, labels, coefficients }, denoiser, clip));
}

/** What a denoiser is asked, checked before, with the schedule's coefficients at its times. */
export interface Question {
  readonly zt: tf.Tensor4D;
  readonly times: Times;
  readonly labels?: Labels | undefined;
  readonly coefficients: readonly AlphaSigma[];
}

/** {@link predict} of what was checked before. Runs in a tidy. */
export function answerTo(question: Question, denoiser: Denoiser, clip: Clip = false): Prediction {
  const { zt, times, labels, coefficients } = question;
  const output = askDenoiser(denoiser, zt, times, labels);
  const prediction = fromOutput(denoiser.predictionType, output, zt, coefficients);
  if (clip === false) return prediction;
  const x0 = tf.clipByValue(prediction.x0, -1, 1);
  return { x0, eps: clip === "x0" ? prediction.eps : epsFromX0(x0, zt, coefficients) };
}

/** Throws unless `clip` is a {@link Clip}. */
export function checkClip(clip: unknown, where: string): void {
  check(clip === "x0" || typeof clip === "boolean", where, 'clip to be true, false or "x0"', clip);
}

/**
 * The denoiser's raw output, checked, and a tensor of the caller's own: what a denoiser returns may be its input, or one
 * that it returns each time.
 */
export function askDenoiser(denoiser: Denoiser, zt: tf.Tensor4D, times: Times, labels?: Labels): tf.Tensor4D {
  check(typeof denoiser === "function", "predict", "a denoiser (a function with a predictionType)", denoiser);
  const output = labels === undefined ? denoiser(zt, times) : denoiser(zt, times, labels);
  checkImages(output, "predict", "the denoiser's output");
  checkSameShape(output, zt, "predict", "the denoiser's output and zt");
  return output.clone();
}

/**
 * A network's output as x0 and eps, by zt = alpha x0 + sigma eps (Salimans & Ho 2022, Section 4; v: Appendix D; flow: Lipman
 * et al. 2023, Section 4.1).
 */
function fromOutput(
  type: PredictionType,
  output: tf.Tensor4D,
  zt: tf.Tensor4D,
  coefficients: readonly AlphaSigma[],
): Prediction {
  switch (type) {
    case "x0":
      return { x0: output, eps: epsFromX0(output, zt, coefficients) };
    case "eps":
      return { x0: x0FromEps(output, zt, coefficients), eps: output };
    case "v": {
      const { alpha, sigma } = columns(coefficients.map((c) => dividedBy(power(c), c)));
      return {
        x0: tf.sub(tf.mul(zt, alpha), tf.mul(output, sigma)),
        eps: tf.add(tf.mul(zt, sigma), tf.mul(output, alpha)),
      };
    }
    case "flow": {
      const { alpha, sigma } = columns(coefficients.map((c) => dividedBy(c.alpha + c.sigma, c)));
      const both = tf.mul(zt, perSample(coefficients.map((c) => 1 / (c.alpha + c.sigma))));
      return {
        x0: tf.sub(both, tf.mul(output, sigma)),
        eps: tf.add(both, tf.mul(output, alpha)),
      };
    }
    default:
      return unknownType(type);
  }
}

/** What the network should have put out for a given x0 and eps: the inverse of {@link fromOutput}. */
export function toOutput(
  type: PredictionType,
  { x0, eps }: Prediction,
  coefficients: readonly AlphaSigma[],
): tf.Tensor4D {
  switch (type) {
    case "x0":
      return x0;
    case "eps":
      return eps;
    case "v": {
      const { alpha, sigma } = columns(coefficients);
      return tf.sub(tf.mul(eps, alpha), tf.mul(x0, sigma));
    }
    case "flow":
      return tf.sub(eps, x0);
    default:
      return unknownType(type);
  }
}

/** eps = (zt - alpha x0) / sigma. */
export function epsFromX0(
  x0: tf.Tensor4D,
  zt: tf.Tensor4D,
  coefficients: readonly AlphaSigma[],
): tf.Tensor4D {
  checkNoisy(coefficients, "predict");
  const { alpha, sigma } = columns(coefficients);
  return tf.div(tf.sub(zt, tf.mul(x0, alpha)), sigma);
}

/** Refuses to compute eps from an x0 where there is no noise. */
export function checkNoisy(coefficients: readonly AlphaSigma[], where: string): void {
  const clean = coefficients.some((c) => c.sigma === 0);
  check(!clean, where, "a time with noise in it (sigma > 0) to compute eps from x0", "alphaBar = 1");
}

/** x0 = (zt - sigma eps) / alpha. */
function x0FromEps(eps: tf.Tensor4D, zt: tf.Tensor4D, coefficients: readonly AlphaSigma[]): tf.Tensor4D {
  checkEpsDeterminesX0("eps", coefficients);
  const { alpha, sigma } = columns(coefficients);
  return tf.div(tf.sub(zt, tf.mul(eps, sigma)), alpha);
}

/** Refuses eps prediction at zero terminal SNR (Lin et al. 2023, arXiv 2305.08891, Section 3.1). */
export function checkEpsDeterminesX0(type: PredictionType, coefficients: readonly AlphaSigma[]): void {
  const pureNoise = coefficients.find((c) => c.alpha ** 2 < LEAST_ALPHA_BAR);
  if (type !== "eps" || pureNoise === undefined) return;
  const why = "an eps prediction says nothing about x0 in pure noise; use x0, v or flow with this schedule";
  fail("predict", `alphaBar >= ${LEAST_ALPHA_BAR} for prediction type "eps" (${why})`, pureNoise.alpha ** 2);
}

function dividedBy(by: number, { alpha, sigma }: AlphaSigma): AlphaSigma {
  return { alpha: alpha / by, sigma: sigma / by };
}

function columns(coefficients: readonly AlphaSigma[]) {
  return {
    alpha: perSample(coefficients.map((c) => c.alpha)),
    sigma: perSample(coefficients.map((c) => c.sigma)),
  };
}

function unknownType(type: never): never {
  return fail("predict", 'predictionType "x0", "eps", "v" or "flow"', type);
}
