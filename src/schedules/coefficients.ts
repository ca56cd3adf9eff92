import * as tf from "../tfjs.js";
import { check, checkImages, checkSameShape, checkTimes, isNumber } from "../check.js";
import type { Denoiser, Times, TrainedSchedule } from "../types.js";
import { checkSchedule, type AlphaSigma, type NoiseSchedule } from "./schedule.js";

export type { AlphaSigma } from "./schedule.js";

/** alpha and sigma of one time. */
export function alphaSigma(schedule: TrainedSchedule, t: number): AlphaSigma {
  if (schedule.alphaSigma) return checkedCoefficients(schedule.alphaSigma(t), t);
  const alphaBar = schedule.alphaBar(t);
  check(isNumber(alphaBar, 0, 1), "alphaBar", `the schedule's alphaBar at time ${t} in [0, 1]`, alphaBar);
  return { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
}

function checkedCoefficients(coefficients: AlphaSigma, t: number): AlphaSigma {
  const { alpha, sigma } = coefficients;
  const valid = isNumber(alpha, 0) && isNumber(sigma, 0) && alpha + sigma > 0;
  const expected = `the schedule's alpha and sigma at time ${t} to be at least 0, and not both 0`;
  check(valid, "alphaSigma", expected, coefficients);
  return coefficients;
}

/** alpha^2 + sigma^2 this close to 1 is 1. */
const ROUNDING = 1e-12;

/** alpha^2 + sigma^2, the variance of zt where that of x0 is 1: exactly 1 where a schedule preserves it. */
export function power({ alpha, sigma }: AlphaSigma): number {
  const sum = alpha ** 2 + sigma ** 2;
  return Math.abs(sum - 1) < ROUNDING ? 1 : sum;
}

/** Schedules that are this near to each other at these times are one; through a file of betas one comes with less. */
const SAME = { times: [0.25, 0.5, 0.75], within: 1e-4 };

/** Throws where a denoiser says that it was trained on another schedule than is given. */
export function checkTrainedOn(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  where: string,
  name = "a denoiser",
): void {
  const own = (denoiser as Partial<Denoiser> | undefined)?.schedule;
  if (own === undefined || own === schedule) return;
  check(typeof own?.alphaBar === "function", where, `${name} whose schedule is a noise schedule`, own);
  for (const t of SAME.times) {
    const [trained, given] = [alphaSigma(own, t), alphaSigma(schedule, t)];
    const off = Math.hypot(trained.alpha - given.alpha, trained.sigma - given.sigma);
    const expected = `${name} that was trained on the schedule given, of ${described(given)} at time ${t}`;
    check(off < SAME.within, where, expected, `one of ${described(trained)}`);
  }
}

const described = ({ alpha, sigma }: AlphaSigma) => `alpha ${alpha.toFixed(4)} and sigma ${sigma.toFixed(4)}`;

/** to / from of two alphas or two sigmas; 1 where both are 0: where a schedule is flat, nothing changes. */
export function ratioOf(to: number, from: number): number {
  return to === from ? 1 : to / from;
}

/** One number per sample as a tensor [batch, 1, 1, 1] that broadcasts over images. */
export function perSample(values: readonly number[]): tf.Tensor4D {
  return tf.tensor4d(Float32Array.from(values), [values.length, 1, 1, 1]);
}

/**
 * The forward process: zt = alpha x0 + sigma eps, where variance is preserved sqrt(alphaBar(t)) x0 + sqrt(1 - alphaBar(t)) eps.
 *
 * @param schedule the noise schedule
 * @param x0 clean images [B, H, W, C] in [-1, 1]
 * @param eps standard normal noise of the same shape
 * @param times one time in [0, 1] per sample
 * @returns noisy images [B, H, W, C]; the caller disposes them
 * @throws if the shapes differ or there is not one time per sample
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 2; Ho et al. 2020 (arXiv 2006.11239), Eq. 4
 * @example
 * ```ts
 * import { addNoise, cosineSchedule, noise } from "cfd-distill";
 * import * as tf from "@tensorflow/tfjs";
 * tf.tidy(() => addNoise(cosineSchedule(), tf.zeros([2, 8, 8, 3]), noise([1, 2], [8, 8, 3]), [0.5, 1]).shape);
 * ```
 */
export function addNoise(
  schedule: NoiseSchedule,
  x0: tf.Tensor4D,
  eps: tf.Tensor4D,
  times: Times,
): tf.Tensor4D {
  checkSchedule(schedule, "addNoise");
  checkImages(x0, "addNoise", "x0");
  checkImages(eps, "addNoise", "eps");
  checkSameShape(x0, eps, "addNoise", "x0 and eps");
  checkTimes(times, x0.shape[0], "addNoise");
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  return tf.tidy(() => noised({ x0, eps }, coefficients));
}

/** {@link addNoise} of what was checked before, with one coefficient per sample, or one for all. */
export function noised(
  { x0, eps }: { readonly x0: tf.Tensor4D; readonly eps: tf.Tensor4D },
  coefficients: readonly AlphaSigma[],
): tf.Tensor4D {
  const alpha = perSample(coefficients.map((c) => c.alpha));
  const sigma = perSample(coefficients.map((c) => c.sigma));
  return tf.add(tf.mul(x0, alpha), tf.mul(eps, sigma));
}
