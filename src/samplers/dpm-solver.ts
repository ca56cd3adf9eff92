import * as tf from "../tfjs.js";
import { ratioOf } from "../schedules/coefficients.js";
import { logSNR, type NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser } from "../types.js";
import { checkRun, visitTimes, type Interval, type SamplerOptions } from "./run.js";

/**
 * DPM-Solver++(2M), multistep and deterministic. The first step and the last are of first order: at ten steps or
 * fewer a second-order last step is unstable. So is a step after one in which logSNR hardly moved.
 *
 * @param denoiser the model
 * @param schedule its noise schedule
 * @param zT starting noise [B, H, W, C]; not disposed
 * @param options `steps` or `times`; `clip`, `labels`, `guidance`, `onStep`, `signal`
 * @returns images [B, H, W, C]; the caller disposes them
 * @throws (rejects) if the options do not fit, if the model's answers or the images are not finite, or with the signal's
 *   reason when aborted
 * @see Lu et al. 2022 (arXiv 2211.01095), Algorithm 2
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, sampleDpmSolver2M, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zT = noise([1, 2], [8, 8, 3]);
 * const images = await sampleDpmSolver2M(grey, cosineSchedule(), zT, { steps: 8 });
 * tf.dispose([zT, images]);
 * ```
 */
export async function sampleDpmSolver2M(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zT: tf.Tensor4D,
  options: SamplerOptions,
): Promise<tf.Tensor4D> {
  const run = { where: "sampleDpmSolver2M", denoiser, schedule, zT, options };
  checkRun(run);
  return visitTimes(run, (zt, interval, ask) => {
    const { t, from, to } = interval;
    const { x0 } = ask(zt, t);
    // zs = (sigma_s / sigma_t) zt + alpha_s (1 - exp(-h)) D, exp(-h) = alpha_t sigma_s / (alpha_s sigma_t).
    const decay = ratioOf(to.sigma, from.sigma);
    const gain = to.alpha - from.alpha * decay;
    const data = extrapolated(x0, schedule, interval);
    return { next: tf.add(tf.mul(zt, decay), tf.mul(data, gain)), x0 };
  });
}

/** A shorter last step would multiply the rounding of x0, 6e-8 in float32, by more than 5000. */
const LEAST_RATIO = 1e-4;

/** D = (1 + 1 / 2r) x0 - (1 / 2r) previous x0, r the ratio of the last step to this one in half-logSNR. */
function extrapolated(
  x0: tf.Tensor4D,
  schedule: NoiseSchedule,
  { t, s, previous, isLast }: Interval,
): tf.Tensor4D {
  if (previous === undefined || isLast) return x0;
  const here = logSNR(schedule, t);
  const ratio = (here - logSNR(schedule, previous.t)) / (logSNR(schedule, s) - here);
  // Of a last step in which the schedule is flat, or is but for rounding, there is no slope: first order.
  if (!(ratio >= LEAST_RATIO)) return x0;
  return tf.add(x0, tf.mul(tf.sub(x0, previous.x0), 1 / (2 * ratio)));
}
