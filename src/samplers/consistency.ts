import type * as tf from "../tfjs.js";
import { noised } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser } from "../types.js";
import { noiseStreams } from "./added-noise.js";
import { checkRun, visitTimes, type SamplerOptions } from "./run.js";

/**
 * The sampler of consistency models: x0, fresh noise up to the next time, x0 again, and so on; at time 0 it ends with x0
 * itself. One step is one call of the model.
 *
 * @param denoiser a consistency model
 * @param schedule its noise schedule
 * @param zT starting noise [B, H, W, C]; not disposed
 * @param options `steps` or `times`; `seeds`, one per image, for the noise added where there is more than one step; `clip`,
 *   `labels`, `guidance`, `onStep`, `signal`
 * @returns images [B, H, W, C]; the caller disposes them
 * @throws (rejects) if the options do not fit, if the model's answers or the images are not finite, or with the signal's
 *   reason when aborted
 * @see Song et al. 2023 (arXiv 2303.01469), Algorithm 1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, sampleConsistency, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zT = noise([1, 2], [8, 8, 3]);
 * const images = await sampleConsistency(grey, cosineSchedule(), zT, { times: [1, 0.4, 0], seeds: [1, 2] });
 * tf.dispose([zT, images]);
 * ```
 */
export async function sampleConsistency(
  denoiser: Denoiser,
  schedule: NoiseSchedule,
  zT: tf.Tensor4D,
  options: SamplerOptions,
): Promise<tf.Tensor4D> {
  const run = { where: "sampleConsistency", denoiser, schedule, zT, options };
  checkRun(run);
  const { steps, times } = options;
  const noisy = steps === undefined ? Array.isArray(times) && times.slice(1).some((t) => t > 0) : steps > 1;
  const noise = noisy ? noiseStreams(run) : undefined;
  return visitTimes(run, (zt, { t, s, to }, ask) => {
    const { x0 } = ask(zt, t);
    return { next: s === 0 || noise === undefined ? x0.clone() : noised({ x0, eps: noise() }, [to]), x0 };
  });
}
