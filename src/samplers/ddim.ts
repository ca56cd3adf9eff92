import * as tf from "../tfjs.js";
import { check, isNumber } from "../check.js";
import { ddimStep } from "../prediction/ddim-step.js";
import { power, ratioOf, type AlphaSigma } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Variance } from "../types.js";
import { noiseStreams } from "./added-noise.js";
import { checkRun, visitTimes, type SamplerOptions } from "./run.js";

/** Options of {@link sampleDdim}: those of every sampler, and the noise that it adds. */
export type DdimOptions = SamplerOptions & {
  /** 0 (default) adds no noise; 1 adds that of ancestral sampling. */
  readonly eta?: number;
  /** One seed per image for the added noise; needed when eta > 0. */
  readonly seeds?: readonly number[];
};

/**
 * The DDIM sampler. With the authors' table, `steps` and the default clipping it is their sampler; on a flow, with nothing
 * clipped, Euler's method.
 *
 * @param denoiser the model
 * @param schedule its noise schedule
 * @param zT starting noise [B, H, W, C], see `noise`; not disposed
 * @param options `steps` or `times`; `eta`, `seeds`, `clip`, `labels`, `guidance`, `onStep`, `signal`
 * @returns images [B, H, W, C], in [-1, 1] unless `clip` says otherwise; the caller disposes them
 * @throws (rejects) if the options do not fit, if the model's answers or the images are not finite, or with the signal's
 *   reason when aborted
 * @see Song et al. 2021 (arXiv 2010.02502), Eq. 12 and 16
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, sampleDdim, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zT = noise([1, 2], [8, 8, 3]);
 * const images = await sampleDdim(grey, cosineSchedule(), zT, { steps: 4 });
 * tf.dispose([zT, images]);
 * ```
 */
export async function sampleDdim(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zT: tf.Tensor4D,
  options: DdimOptions,
): Promise<tf.Tensor4D> {
  const run = { where: "sampleDdim", denoiser, schedule, zT, options };
  checkRun(run, { eta: true });
  const { eta = 0 } = options;
  check(isNumber(eta, 0, 1), run.where, "eta in [0, 1]", eta);
  const noise = eta > 0 ? noiseStreams(run) : undefined;
  return visitTimes(run, (zt, { t, from, to }, ask) => {
    const prediction = ask(zt, t);
    const added = eta * posteriorDeviation(from, to);
    const mean = ddimStep(prediction, { alpha: to.alpha, sigma: remaining(to, added) });
    return { next: withNoise(mean, added, noise), x0: prediction.x0 };
  });
}

/** Options of {@link sampleAncestral}: those of every sampler, and the noise's seeds. */
export type AncestralOptions = SamplerOptions & {
  /** One seed per image for the added noise. */
  readonly seeds: readonly number[];
  /**
   * "small", the posterior's variance, or "large", that of the step up, of which a step to clean data adds none. Default
   * the denoiser's own, or else "small".
   */
  readonly variance?: Variance;
};

/**
 * Ancestral (DDPM) sampling: DDIM with eta = 1, or with the larger variance in its place.
 *
 * @param denoiser the model
 * @param schedule its noise schedule
 * @param zT starting noise [B, H, W, C]; not disposed
 * @param options `steps` or `times`, and `seeds`; `variance`, `clip`, `labels`, `guidance`, `onStep`, `signal`
 * @returns images [B, H, W, C]; the caller disposes them
 * @throws (rejects) if the options do not fit, if the model's answers or the images are not finite, or with the signal's
 *   reason when aborted
 * @see Ho et al. 2020 (arXiv 2006.11239), Eq. 7, Section 3.2 and Algorithm 2; Song et al. 2021 (arXiv 2010.02502), Section 4.1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, sampleAncestral, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zT = noise([1, 2], [8, 8, 3]);
 * const images = await sampleAncestral(grey, cosineSchedule(), zT, { steps: 4, seeds: [1, 2] });
 * tf.dispose([zT, images]);
 * ```
 */
export async function sampleAncestral(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zT: tf.Tensor4D,
  options: AncestralOptions,
): Promise<tf.Tensor4D> {
  const run = { where: "sampleAncestral", denoiser, schedule, zT, options };
  checkRun(run, { variance: true });
  const { variance = denoiser.variance ?? "small" } = options;
  check(variance === "small" || variance === "large", run.where, 'variance "small" or "large"', variance);
  const noise = noiseStreams(run);
  return visitTimes(run, (zt, { t, from, to }, ask) => {
    const prediction = ask(zt, t);
    const small = posteriorDeviation(from, to);
    const added = variance === "large" && to.sigma > 0 ? forwardDeviation(from, to) : small;
    const mean = ddimStep(prediction, { alpha: to.alpha, sigma: remaining(to, small) });
    return { next: withNoise(mean, added, noise), x0: prediction.x0 };
  });
}

/** Standard deviation of q(zs | zt, x0) (Song et al. 2021, Eq. 16 with eta = 1). */
function posteriorDeviation(from: AlphaSigma, to: AlphaSigma): number {
  return ratioOf(to.sigma, from.sigma) * forwardDeviation(from, to);
}

/**
 * Standard deviation of q(zt | zs), the root of sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2 (Kingma et al. 2021, arXiv
 * 2107.00630, Appendix A.1). Where variance is preserved that is 1 - alphaBar_t / alphaBar_s: beta of a step in the table.
 */
function forwardDeviation(from: AlphaSigma, to: AlphaSigma): number {
  return Math.sqrt(Math.max(0, power(from) - ratioOf(from.alpha, to.alpha) ** 2 * power(to)));
}

/** What of sigma_s the predicted noise has to make, where so much new noise is to come (Song et al. 2021, Eq. 12). */
function remaining({ sigma }: AlphaSigma, added: number): number {
  return Math.sqrt(Math.max(0, sigma ** 2 - added ** 2));
}

function withNoise(mean: tf.Tensor4D, added: number, noise?: () => tf.Tensor4D): tf.Tensor4D {
  return noise === undefined || added === 0 ? mean : tf.add(mean, tf.mul(noise(), added));
}
