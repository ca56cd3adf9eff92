import type * as tf from "../tfjs.js";
import { noised, type AlphaSigma } from "../schedules/coefficients.js";
import type { Prediction } from "./predict.js";

/**
 * One deterministic DDIM step: zs = alpha_s x0 + sigma_s eps (Song et al. 2021, Eq. 12 with eta 0), the forward process with
 * the noise that was predicted. With one coefficient per sample, or one for all.
 */
export function ddimStep(prediction: Prediction, to: AlphaSigma | readonly AlphaSigma[]): tf.Tensor4D {
  return noised(prediction, Array.isArray(to) ? (to as readonly AlphaSigma[]) : [to as AlphaSigma]);
}
