import { MOST } from "../bounds.js";
import { check, checkOptions, checkPositiveInteger, isNumber, quoted } from "../check.js";
import { cosineBetas } from "./cosine.js";
import { checkedTime, checkFiniteOptions, type NoiseSchedule, type ScheduleConfig } from "./schedule.js";

/**
 * A schedule from a table of alphaBar values: entry i is at t = i / (length - 1). Between entries the angle
 * atan2(sigma, alpha) is interpolated linearly.
 *
 * @param alphaBars at least two values in [0, 1] that do not increase; the last may be 0 (zero terminal SNR)
 * @returns the schedule, with a copy of the table
 * @throws if the table is too short or has more than a million intervals, leaves [0, 1] or increases
 * @example
 * ```ts
 * import { tableSchedule } from "cfd-distill";
 * console.log(tableSchedule([1, 0.5, 0]).alphaBar(0.5)); // 0.5
 * ```
 */
export function tableSchedule(alphaBars: ArrayLike<number>): NoiseSchedule {
  const isList = typeof alphaBars === "object" && (alphaBars as unknown) !== null;
  check(isList, "tableSchedule", "alphaBars to be an array of numbers", alphaBars);
  const { length } = alphaBars;
  check(length <= MOST.steps + 1, "tableSchedule", `at most ${MOST.steps + 1} alphaBars`, length);
  const table = Array.from(alphaBars);
  check(table.length >= 2, "tableSchedule", "at least 2 alphaBars", table.length);
  const outside = table.findIndex((value) => !isNumber(value, 0, 1));
  const got = `${quoted(table[outside])} at entry ${outside}`;
  check(outside < 0, "tableSchedule", "every alphaBar in [0, 1]", got);
  const rising = table.findIndex((value, i) => i > 0 && value > table[i - 1]!);
  check(rising < 0, "tableSchedule", "alphaBars that never increase", `an increase at entry ${rising}`);
  return interpolated({ type: "table", alphaBars: table }, table);
}

/** Options of {@link discreteCosineSchedule}. */
export interface DiscreteCosineOptions {
  /** Offset of the cosine. Default 0.008. */
  readonly s?: number;
  /** Upper bound of each beta. Default 0.999. */
  readonly maxBeta?: number;
}

/**
 * The authors' cosine table of `steps` + 1 entries: betas of the cosine schedule for `steps` + 1 steps, each at
 * most `maxBeta`; entry i is the product of the first i + 1 factors 1 - beta, so that entry 0 is not exactly 1: images end
 * with noise of sqrt(1 - entry 0), which is 0.006 at 1024 steps, but 0.034 at 64 and 0.10 at 16, where it is seen. For a
 * model of your own with few steps take `cosineSchedule()`.
 *
 * @param steps T * time_scale of the authors, the number of intervals of the finest grid; 1024 in the paper
 * @param options `s` >= 0 and 0 < `maxBeta` < 1
 * @returns the schedule; entry i is at t = i / steps
 * @throws if `steps` is not a positive integer of at most a million, or an option is out of range
 * @see Nichol & Dhariwal 2021 (arXiv 2102.09672), Eq. 17; docs/differences-from-rcfd.md
 * @example
 * ```ts
 * import { discreteCosineSchedule } from "cfd-distill";
 * console.log(discreteCosineSchedule(1024).alphaBar(0).toFixed(5)); // 0.99996
 * ```
 */
export function discreteCosineSchedule(steps: number, options: DiscreteCosineOptions = {}): NoiseSchedule {
  const where = "discreteCosineSchedule";
  checkPositiveInteger(steps, where, "steps");
  check(steps <= MOST.steps, where, `at most ${MOST.steps} steps`, steps);
  checkOptions(where, options, { s: true, maxBeta: true });
  checkFiniteOptions(options, where);
  const { s = 0.008, maxBeta = 0.999 } = options;
  check(s >= 0, where, "s >= 0", s);
  check(maxBeta > 0 && maxBeta < 1, where, "maxBeta between 0 and 1", maxBeta);
  let alphaBar = 1;
  const table = cosineBetas(steps + 1, s, maxBeta).map((beta) => (alphaBar *= 1 - beta));
  return interpolated({ type: "discreteCosine", steps, s, maxBeta }, table);
}

/** Times this close to an entry (in entries) are that entry: i / N is rarely a float64. */
const SNAP = 1e-9;

function interpolated(config: ScheduleConfig, table: readonly number[]): NoiseSchedule {
  const angle = (alphaBar: number) => Math.atan2(Math.sqrt(1 - alphaBar), Math.sqrt(alphaBar));
  return {
    config,
    alphaBar(t) {
      const position = checkedTime(t) * (table.length - 1);
      const nearest = Math.round(position);
      if (Math.abs(position - nearest) < SNAP) return table[nearest]!;
      const below = Math.floor(position);
      const [from, to] = [angle(table[below]!), angle(table[below + 1]!)];
      return Math.cos(from + (position - below) * (to - from)) ** 2;
    },
  };
}
