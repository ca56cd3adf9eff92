import * as tf from "../tfjs.js";
import { noised, power, type AlphaSigma } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser } from "../types.js";
import { ddimStep } from "../prediction/ddim-step.js";
import { checkRun, visitTimes, type SamplerOptions } from "./run.js";

/**
 * Heun's second-order method, deterministic, two model calls a step and one in the last, which is a DDIM step.
 *
 * The variable of integration is the angle phi = atan2(sigma, alpha), in which the probability flow is
 * dz / dphi = v: smooth from pure noise to clean data, where the paper's sigma / alpha is infinite at the start. Where a
 * schedule does not preserve variance, alpha and sigma go straight from one time to the next: on a flow, dz / du = eps - x0.
 *
 * @param denoiser the model
 * @param schedule its noise schedule
 * @param zT starting noise [B, H, W, C]; not disposed
 * @param options `steps` or `times`; `clip`, `labels`, `guidance`, `onStep`, `signal`
 * @returns images [B, H, W, C]; the caller disposes them
 * @throws (rejects) if the options do not fit, if the model's answers or the images are not finite, or with the signal's
 *   reason when aborted
 * @see Karras et al. 2022 (arXiv 2206.00364), Algorithm 1; Salimans & Ho 2022 (arXiv 2202.00512), Appendix D
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, sampleHeun, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zT = noise([1, 2], [8, 8, 3]);
 * const images = await sampleHeun(grey, cosineSchedule(), zT, { steps: 4 });
 * tf.dispose([zT, images]);
 * ```
 */
export async function sampleHeun(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zT: tf.Tensor4D,
  options: SamplerOptions,
): Promise<tf.Tensor4D> {
  const run = { where: "sampleHeun", denoiser, schedule, zT, options };
  checkRun(run);
  return visitTimes(run, (zt, { t, s, from, to, isLast }, ask) => {
    const prediction = ask(zt, t);
    if (isLast) return { next: ddimStep(prediction, to), x0: prediction.x0 };
    const path = power(from) === 1 && power(to) === 1 ? arc(from, to) : chord(from, to);
    const slope = noised(prediction, [path.start]);
    const euler: tf.Tensor4D = tf.add(zt, tf.mul(slope, path.length));
    const slopeThere = noised(ask(euler, s), [path.end]);
    return { next: tf.add(zt, tf.mul(tf.add(slope, slopeThere), path.length / 2)), x0: prediction.x0 };
  });
}

/** How alpha and sigma go in a step, and their slopes at its ends; that of z is x0 times alpha's + eps times sigma's. */
interface Path {
  readonly length: number;
  readonly start: AlphaSigma;
  readonly end: AlphaSigma;
}

/** Along the circle, by the angle: dz / dphi = v = alpha eps - sigma x0 (Salimans & Ho 2022, Appendix D). */
function arc(from: AlphaSigma, to: AlphaSigma): Path {
  const length = Math.atan2(to.sigma, to.alpha) - Math.atan2(from.sigma, from.alpha);
  const slope = ({ alpha, sigma }: AlphaSigma) => ({ alpha: -sigma, sigma: alpha });
  return { length, start: slope(from), end: slope(to) };
}

/** Straight, in one. */
function chord(from: AlphaSigma, to: AlphaSigma): Path {
  const slope = { alpha: to.alpha - from.alpha, sigma: to.sigma - from.sigma };
  return { length: 1, start: slope, end: slope };
}
