import { check, checkEach, isNumber } from "../check.js";

/** How to make a schedule again: `scheduleFromConfig(config)`. Plain JSON. */
export type ScheduleConfig =
  | { readonly type: "cosine"; readonly s: number }
  | { readonly type: "linear"; readonly betaMin: number; readonly betaMax: number }
  | { readonly type: "sigmoid"; readonly start: number; readonly end: number; readonly tau: number }
  | { readonly type: "discreteCosine"; readonly steps: number; readonly s: number; readonly maxBeta: number }
  | { readonly type: "table"; readonly alphaBars: readonly number[] }
  | { readonly type: "flow"; readonly shift: number };

/** What an image and its noise are multiplied by at one time, float64: zt = alpha x0 + sigma eps. */
export interface AlphaSigma {
  readonly alpha: number;
  readonly sigma: number;
}

/** A noise schedule, zt = alpha x0 + sigma eps, in float64; it preserves variance unless it has an `alphaSigma`. */
export interface NoiseSchedule {
  /** Plain JSON from which `scheduleFromConfig` makes this schedule again. */
  readonly config: ScheduleConfig;
  /** The share of signal power at time t in [0, 1], alpha^2 / (alpha^2 + sigma^2); 1 is clean. Throws outside [0, 1]. */
  alphaBar(t: number): number;
  /**
   * alpha and sigma at time t in [0, 1], both >= 0 and not both 0, of a schedule that does not preserve variance. Left out
   * they are sqrt(alphaBar) and sqrt(1 - alphaBar).
   */
  alphaSigma?(t: number): AlphaSigma;
}

/** The continuous schedules keep logSNR within +-MAX_LOG_SNR (Salimans & Ho 2022, Appendix B). */
const MAX_LOG_SNR = 20;

/** A schedule given by a formula for alphaBar, its logSNR clipped to [-20, 20]. */
export function continuousSchedule(config: ScheduleConfig, formula: (t: number) => number): NoiseSchedule {
  const least = 1 / (1 + Math.exp(MAX_LOG_SNR));
  const most = 1 / (1 + Math.exp(-MAX_LOG_SNR));
  // Options that are numbers may still be too large or too close to one another to compute with.
  const known = [0, 0.5, 1].every((t) => !Number.isNaN(formula(t)));
  check(known, `${config.type}Schedule`, "options that give an alphaBar at every time", config);
  return {
    config,
    alphaBar: (t) => Math.min(most, Math.max(least, formula(checkedTime(t)))),
  };
}

/** `t`, if it is a time. */
export function checkedTime(t: number, where = "alphaBar"): number {
  checkEach([t], (time) => isNumber(time, 0, 1), where, "a time in [0, 1]");
  return t;
}

/** Throws unless every option is a finite number; one that is given as undefined is none. */
export function checkFiniteOptions(options: object, where: string): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    checkEach([value], (given) => isNumber(given), where, `${name} to be a finite number`);
  }
}

/** Throws unless `schedule` is a noise schedule. */
export function checkSchedule(schedule: NoiseSchedule, where: string): void {
  check(typeof schedule?.alphaBar === "function", where, "schedule to be a noise schedule", schedule);
}

/**
 * Signal-to-noise ratio in nats: log(alpha^2 / sigma^2) = log(alphaBar / (1 - alphaBar)), float64.
 *
 * @param schedule any noise schedule
 * @param t a time in [0, 1]
 * @returns the log of the ratio of signal power to noise power; Infinity where alphaBar is 1, -Infinity where it is 0
 * @throws if `t` is outside [0, 1]
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 2
 * @example
 * ```ts
 * import { cosineSchedule, logSNR } from "cfd-distill";
 * console.log(logSNR(cosineSchedule(), 0.5).toFixed(6)); // 0.000000
 * ```
 */
export function logSNR(schedule: NoiseSchedule, t: number): number {
  checkSchedule(schedule, "logSNR");
  if (schedule.alphaSigma) {
    const { alpha, sigma } = schedule.alphaSigma(t);
    return 2 * (Math.log(alpha) - Math.log(sigma));
  }
  const alphaBar = schedule.alphaBar(t);
  return Math.log(alphaBar) - Math.log1p(-alphaBar);
}
