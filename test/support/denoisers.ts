import * as tf from "@tensorflow/tfjs";
import { alphaSigma } from "../../src/schedules/coefficients.js";
import type { Denoiser, NoiseSchedule, PredictionType, Times } from "../../src/index.js";

/**
 * The exact denoiser of pixels drawn from N(mean, deviation^2), in any prediction type: a model whose answers,
 * samples and probability flow are known in closed form.
 */
export function gaussianDenoiser(
  schedule: NoiseSchedule,
  predictionType: PredictionType,
  { mean = 0, deviation = 0.5 } = {},
): Denoiser {
  const apply = (zt: tf.Tensor4D, times: Times) =>
    tf.tidy(() => {
      const column = (f: (alpha: number, sigma: number) => number) =>
        tf.tensor4d(
          times.map((t) => {
            const { alpha, sigma } = alphaSigma(schedule, t);
            return f(alpha, sigma);
          }),
          [times.length, 1, 1, 1],
        );
      const gain = column((a, s) => (a * deviation ** 2) / (a ** 2 * deviation ** 2 + s ** 2));
      const [alpha, sigma] = [column((a) => a), column((_, s) => s)];
      const x0 = zt.sub(alpha.mul(mean)).mul(gain).add(mean);
      const eps = zt.sub(alpha.mul(x0)).div(sigma);
      return { x0, eps, v: alpha.mul(eps).sub(sigma.mul(x0)), flow: eps.sub(x0) }[
        predictionType
      ] as tf.Tensor4D;
    });
  return Object.assign(apply, { predictionType });
}

/** A denoiser that multiplies by a trainable weight: zt * w. */
export function scaledDenoiser(weight: tf.Variable, predictionType: PredictionType): Denoiser {
  return Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, weight), { predictionType });
}
