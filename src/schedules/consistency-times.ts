import { MOST } from "../bounds.js";
import { check, checkOptions, checkPositiveInteger, isNumber } from "../check.js";
import { checkRng, type Rng } from "../rng.js";
import type { Times } from "../types.js";
import { alphaSigma } from "./coefficients.js";
import { checkSchedule, type NoiseSchedule } from "./schedule.js";

/** Options of {@link consistencyTimes}. */
export interface ConsistencyTimesOptions {
  /** How much of the training is done, in [0, 1]. */
  readonly progress: number;
  /** In how many stages, each of which divides the distance of a pair by `q`. Default 8. */
  readonly stages?: number;
  /** Default 2. */
  readonly q?: number;
  /** Mean and standard deviation of the log of the noise level sigma / alpha. Defaults -1.1 and 2. */
  readonly mean?: number;
  readonly deviation?: number;
}

/** Pairs of times for `consistencyLoss`, which takes all three. */
export interface ConsistencyTimes {
  readonly times: Times;
  readonly earlier: Times;
  /** 1 over the distance of a pair, in noise levels. */
  readonly weights: readonly number[];
}

const OPTIONS = { progress: true, stages: true, q: true, mean: true, deviation: true } as const;

/**
 * The pairs of times of easy consistency tuning. The noise level tau = sigma / alpha of a time is log-normal, within what
 * the schedule has; that of the earlier one is tau max(0, 1 - n(tau) / q^a), n(tau) = 1 + 8 sigmoid(-tau), in stage
 * a = 1, ..., `stages`. So the earlier time is 0 for most at first, which is the loss of a base model, and comes ever closer.
 *
 * @param rng the stream to draw from; it advances by `count` words
 * @param schedule the noise schedule, whose noise levels rise with time
 * @param count how many pairs, one per sample
 * @param options `progress` of the training; `stages`, `q`, `mean`, `deviation`
 * @returns `times` in (0, 1), `earlier` from 0 to below them, and `weights`
 * @throws if an option is out of range, or the distribution misses all noise levels of the schedule
 * @see Geng et al. 2024 (arXiv 2406.14548), Section 3
 * @example
 * ```ts
 * import { consistencyTimes, cosineSchedule, createRng } from "cfd-distill";
 * const { times, earlier } = consistencyTimes(createRng(1), cosineSchedule(), 64, { progress: 0.9 });
 * console.log(earlier.every((s, i) => s < times[i]!)); // true
 * ```
 */
export function consistencyTimes(
  rng: Rng,
  schedule: NoiseSchedule,
  count: number,
  options: ConsistencyTimesOptions,
): ConsistencyTimes {
  const where = "consistencyTimes";
  checkOptions<ConsistencyTimesOptions>(where, options, OPTIONS);
  const { progress, stages = 8, q = 2, mean = -1.1, deviation = 2 } = options;
  checkRng(rng, where);
  checkSchedule(schedule, where);
  checkPositiveInteger(count, where, "count");
  check(count <= MOST.steps, where, `at most ${MOST.steps} pairs`, count);
  check(isNumber(progress, 0, 1), where, "progress in [0, 1]", progress);
  checkPositiveInteger(stages, where, "stages");
  check(isNumber(q) && q > 1, where, "q > 1", q);
  const tell = `q ** stages of at most ${NEAREST}: nearer pairs are one time in float64`;
  check(q ** stages <= NEAREST, where, tell, `${q} ** ${stages}`);
  check(isNumber(mean), where, "mean to be a finite number", mean);
  check(isNumber(deviation) && deviation > 0, where, "deviation > 0", deviation);

  const share = (t: number) => normalShare((Math.log(noiseLevel(schedule, t)) - mean) / deviation);
  const [least, most] = [share(0), share(1)];
  check(most > least, where, "mean and deviation that reach noise levels of the schedule", {
    mean,
    deviation,
  });
  const stage = Math.min(stages, Math.floor(progress * stages) + 1);
  const pairs = Array.from({ length: count }, () => {
    const wanted = least + (most - least) * rng.uniform();
    const time = firstTime((t) => share(t) >= wanted);
    const level = noiseLevel(schedule, time);
    const lower = level * Math.max(0, 1 - (1 + 8 / (1 + Math.exp(level))) / q ** stage);
    const early = lower <= noiseLevel(schedule, 0) ? 0 : firstTime((t) => noiseLevel(schedule, t) >= lower);
    return { time, early, weight: 1 / (level - lower) };
  });
  return {
    times: pairs.map(({ time }) => time),
    earlier: pairs.map(({ early }) => early),
    weights: pairs.map(({ weight }) => weight),
  };
}

/** At this power of q the times of a pair still differ by thousands of float64's steps. */
const NEAREST = 1e10;

/** sigma / alpha: infinite where nothing is left of the image. */
function noiseLevel(schedule: NoiseSchedule, t: number): number {
  const { alpha, sigma } = alphaSigma(schedule, t);
  return sigma / alpha;
}

/** By halving [0, 1] until float64 has no more digits: where `reached`, which rises, becomes true; never 0 nor 1. */
function firstTime(reached: (t: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 52; i++) {
    const middle = (low + high) / 2;
    if (reached(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** The standard normal distribution's share below x, to 1e-7 (Abramowitz & Stegun 1964, 7.1.26). */
function normalShare(x: number): number {
  const u = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const sum = ((((1.061405429 * u - 1.453152027) * u + 1.421413741) * u - 0.284496736) * u + 0.254829592) * u;
  const tail = (sum * Math.exp((-x * x) / 2)) / 2;
  return x < 0 ? tail : 1 - tail;
}
