import { checkEach, checkOptions, checkPositiveInteger, isNumber } from "../check.js";

/** A learning rate: one number, or a function of the step (0 for the first). */
export type LearningRate = number | ((step: number) => number);

/** The rate at a step. */
export function rateAt(rate: LearningRate, step: number): number {
  return typeof rate === "function" ? rate(step) : rate;
}

/** Throws unless `rate` can be a learning rate; what a function returns is looked at when it is called. */
export function checkLearningRate(rate: unknown, where: string): void {
  const passes = (value: unknown) => typeof value === "function" || isNumber(value, 0);
  checkEach([rate], passes, where, "learningRate to be a number >= 0 or a function of the step");
}

/**
 * A learning rate that falls from `rate` to 0 along half a cosine: rate (1 + cos(pi step / steps)) / 2
 * (Loshchilov & Hutter, arXiv 1608.03983, equation 5), and stays 0 from `steps` on.
 *
 * @param options.rate the rate at step 0
 * @param options.steps the number of steps until 0
 * @returns the rate as a function of the step
 * @throws if `steps` is not a positive integer or `rate` is not a number >= 0; the function, if the step is not one
 * @example
 * ```ts
 * import { cosineAnnealing } from "cfd-distill";
 * const rate = cosineAnnealing({ rate: 5e-5, steps: 10_000 });
 * console.log(rate(0), rate(5_000), rate(10_000)); // 5e-5, 2.5e-5, 0
 * ```
 */
export function cosineAnnealing(options: {
  readonly rate: number;
  readonly steps: number;
}): (step: number) => number {
  checkOptions("cosineAnnealing", options, { rate: true, steps: true });
  const { rate, steps } = options;
  checkRate(rate, "cosineAnnealing");
  checkPositiveInteger(steps, "cosineAnnealing", "steps");
  return (step) => {
    checkStep(step, "cosineAnnealing");
    return (rate * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2;
  };
}

/**
 * A learning rate that grows linearly from 0 at step 0 to `rate` at `steps`, the authors' warm-up.
 *
 * @param options.rate the rate afterwards; a function of the step, e.g. {@link cosineAnnealing}, is scaled
 * @param options.steps the number of steps until the full rate
 * @returns the rate as a function of the step
 * @throws if `steps` is not a positive integer or `rate` is not a number >= 0; the function, if the step is not one
 * @example
 * ```ts
 * import { linearWarmup } from "cfd-distill";
 * const rate = linearWarmup({ rate: 2e-4, steps: 5_000 });
 * console.log(rate(0), rate(2_500), rate(9_999)); // 0, 1e-4, 2e-4
 * ```
 */
export function linearWarmup(options: {
  readonly rate: LearningRate;
  readonly steps: number;
}): (step: number) => number {
  checkOptions("linearWarmup", options, { rate: true, steps: true });
  const { rate, steps } = options;
  if (typeof rate !== "function") checkRate(rate, "linearWarmup");
  checkPositiveInteger(steps, "linearWarmup", "steps");
  return (step) => {
    checkStep(step, "linearWarmup");
    return rateAt(rate, step) * (Math.min(step, steps) / steps);
  };
}

function checkRate(rate: number, where: string): void {
  checkEach([rate], (value) => isNumber(value, 0), where, "rate to be a number >= 0");
}

/** Throws unless `step` is a number of steps taken. */
export function checkStep(step: number, where: string): void {
  checkEach([step], (value) => isNumber(value, 0), where, "a step >= 0");
}
