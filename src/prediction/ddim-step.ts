import * as tf from "@tensorflow/tfjs";
import { perSample, type AlphaSigma } from "../schedules/coefficients.js";
import type { Prediction } from "./predict.js";

/**
 * One deterministic DDIM step: zs = alpha_s x0 + sigma_s eps (Song et al. 2021, Eq. 12 with eta 0). With one
 * coefficient per sample, or one for all.
 */
export function ddimStep({ x0, eps }: Prediction, to: AlphaSigma | readonly AlphaSigma[]): tf.Tensor4D {
  const all = Array.isArray(to) ? (to as readonly AlphaSigma[]) : [to as AlphaSigma];
  const alpha = perSample(all.map((c) => c.alpha));
  const sigma = perSample(all.map((c) => c.sigma));
  return tf.add(tf.mul(x0, alpha), tf.mul(eps, sigma));
}
