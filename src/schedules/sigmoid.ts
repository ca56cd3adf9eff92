import { check, checkOptions } from "../check.js";
import { checkFiniteOptions, continuousSchedule, type NoiseSchedule } from "./schedule.js";

/** Options of {@link sigmoidSchedule}. */
export interface SigmoidOptions {
  /** Argument of the sigmoid at t = 0. Default -3. */
  readonly start?: number;
  /** Argument of the sigmoid at t = 1. Default 3. */
  readonly end?: number;
  /** Temperature: the arguments are divided by it. Default 1. */
  readonly tau?: number;
}

/**
 * The sigmoid schedule: alphaBar(t) = (S(end) - S(start + t (end - start))) / (S(end) - S(start)) with
 * S(u) = 1 / (1 + exp(-u / tau)), and logSNR clipped to [-20, 20].
 *
 * @param options `start` < `end`, `tau` > 0
 * @returns the schedule
 * @throws if the options are not finite, not so ordered, or so far out that the sigmoid is 1 at both ends
 * @see Jabri et al. 2022 (arXiv 2212.11972), Section 3; Chen 2023 (arXiv 2301.10972), Algorithm 1
 * @example
 * ```ts
 * import { sigmoidSchedule } from "cfd-distill";
 * console.log(sigmoidSchedule().alphaBar(0.5).toFixed(6)); // 0.500000
 * ```
 */
export function sigmoidSchedule(options: SigmoidOptions = {}): NoiseSchedule {
  checkOptions("sigmoidSchedule", options, { start: true, end: true, tau: true });
  checkFiniteOptions(options, "sigmoidSchedule");
  const { start = -3, end = 3, tau = 1 } = options;
  check(start < end && tau > 0, "sigmoidSchedule", "start < end and tau > 0", { start, end, tau });
  const sigmoid = (u: number) => 1 / (1 + Math.exp(-u / tau));
  const differ = sigmoid(start) < sigmoid(end); // not so far out that both are 1
  check(differ, "sigmoidSchedule", "start and end whose sigmoids differ", { start, end, tau });
  return continuousSchedule(
    { type: "sigmoid", start, end, tau },
    (t) => (sigmoid(end) - sigmoid(start + t * (end - start))) / (sigmoid(end) - sigmoid(start)),
  );
}
