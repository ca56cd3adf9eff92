import { MOST } from "../bounds.js";
import { check, checkOptions, checkPositiveInteger } from "../check.js";
import { checkRng, type Rng } from "../rng.js";

/**
 * The times that a sampler of `steps` steps visits: 1, (steps - 1) / steps, ..., 0.
 *
 * @param steps number of steps, a positive integer
 * @returns `steps` + 1 falling times; the last is where the sampler ends
 * @throws if `steps` is not a positive integer, or above a million
 * @example
 * ```ts
 * import { stepTimes } from "cfd-distill";
 * console.log(stepTimes(4)); // [1, 0.75, 0.5, 0.25, 0]
 * ```
 */
export function stepTimes(steps: number): number[] {
  checkPositiveInteger(steps, "stepTimes", "steps");
  check(steps <= MOST.steps, "stepTimes", `at most ${MOST.steps} steps`, steps);
  return Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps);
}

/**
 * Random training times on the grid of a sampler: i / steps with i uniform in {first, ..., steps}.
 *
 * A student of N steps is trained at i / N, i = 1..N (Salimans & Ho 2022, Algorithm 2: the default); the authors'
 * base training draws i from 0..T (`first: 0`).
 *
 * @param rng the stream to draw from; it advances by `count` draws
 * @param count how many times, one per sample
 * @param steps the grid's number of intervals
 * @param options `first`: the smallest i, 0 or 1 (default 1)
 * @returns `count` times
 * @throws if a count is not a positive integer or `first` is neither 0 nor 1
 * @example
 * ```ts
 * import { createRng, drawTimes } from "cfd-distill";
 * const times = drawTimes(createRng(1), 16, 4); // each of 0.25, 0.5, 0.75, 1
 * console.log(times.length); // 16
 * ```
 */
export function drawTimes(
  rng: Rng,
  count: number,
  steps: number,
  options: { readonly first?: 0 | 1 } = {},
): number[] {
  checkOptions("drawTimes", options, { first: true });
  const { first = 1 } = options;
  checkRng(rng, "drawTimes");
  checkPositiveInteger(count, "drawTimes", "count");
  check(count <= MOST.steps, "drawTimes", `at most ${MOST.steps} times`, count);
  checkPositiveInteger(steps, "drawTimes", "steps");
  check(first === 0 || first === 1, "drawTimes", "first to be 0 or 1", first);
  return Array.from({ length: count }, () => (first + rng.integer(steps + 1 - first)) / steps);
}
