import { check, checkOptions } from "../check.js";
import { checkFiniteOptions, continuousSchedule, type NoiseSchedule } from "./schedule.js";

/** Options of {@link linearSchedule}. */
export interface LinearOptions {
  /** Noise rate at t = 0. Default 0.1. */
  readonly betaMin?: number;
  /** Noise rate at t = 1. Default 20. */
  readonly betaMax?: number;
}

/**
 * The continuous limit of DDPM's linear betas: log alphaBar(t) = -betaMin t - (betaMax - betaMin) t^2 / 2, with
 * logSNR clipped to [-20, 20].
 *
 * @param options 0 <= `betaMin` <= `betaMax`, `betaMax` > 0
 * @returns the schedule
 * @throws if the rates are not finite or not so ordered
 * @see Song et al. 2021 (arXiv 2011.13456), Eq. 33 (VP SDE)
 * @example
 * ```ts
 * import { linearSchedule } from "cfd-distill";
 * console.log(linearSchedule().alphaBar(1) < 1e-4); // true
 * ```
 */
export function linearSchedule(options: LinearOptions = {}): NoiseSchedule {
  checkOptions("linearSchedule", options, { betaMin: true, betaMax: true });
  checkFiniteOptions(options, "linearSchedule");
  const { betaMin = 0.1, betaMax = 20 } = options;
  const ordered = betaMin >= 0 && betaMax >= betaMin && betaMax > 0;
  check(ordered, "linearSchedule", "0 <= betaMin <= betaMax and betaMax > 0", { betaMin, betaMax });
  return continuousSchedule({ type: "linear", betaMin, betaMax }, (t) =>
    Math.exp(-betaMin * t - ((betaMax - betaMin) * t * t) / 2),
  );
}
