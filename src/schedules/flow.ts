import { check, checkOptions } from "../check.js";
import { checkedTime, checkFiniteOptions, type NoiseSchedule } from "./schedule.js";

/** Options of {@link flowSchedule}. */
export interface FlowOptions {
  /** More than 1 puts evenly spread times where there is more noise. Default 1. */
  readonly shift?: number;
}

/** A schedule that says alpha and sigma itself, as its variance is not preserved. */
export type FlowSchedule = Required<NoiseSchedule>;

/**
 * The straight path of flow matching, from data to noise: alpha = 1 - u and sigma = u, with u = shift t / (1 + (shift - 1) t).
 * Its variance is not preserved; `alphaBar`, the share of signal power, is (1 - u)^2 / ((1 - u)^2 + u^2).
 *
 * @param options `shift` > 0
 * @returns the schedule
 * @throws if `shift` is not a positive number
 * @see Lipman et al. 2023 (arXiv 2210.02747), Section 4.1; Esser et al. 2024 (arXiv 2403.03206), Section 5.3.2
 * @example
 * ```ts
 * import { flowSchedule, logSNR } from "cfd-distill";
 * console.log(flowSchedule({ shift: 3 }).alphaSigma(0.5)); // { alpha: 0.25, sigma: 0.75 }
 * console.log(logSNR(flowSchedule(), 0.5)); // 0
 * ```
 */
export function flowSchedule(options: FlowOptions = {}): FlowSchedule {
  checkOptions("flowSchedule", options, { shift: true });
  checkFiniteOptions(options, "flowSchedule");
  const { shift = 1 } = options;
  check(shift > 0, "flowSchedule", "shift > 0", shift);
  const sigmaAt = (t: number, where: string) => shiftedTime(checkedTime(t, where), shift);
  return {
    config: { type: "flow", shift },
    alphaBar(t) {
      const sigma = sigmaAt(t, "alphaBar");
      return (1 - sigma) ** 2 / ((1 - sigma) ** 2 + sigma ** 2);
    },
    alphaSigma(t) {
      const sigma = sigmaAt(t, "alphaSigma");
      return { alpha: 1 - sigma, sigma };
    },
  };
}

/**
 * u = shift t / (1 + (shift - 1) t) (Esser et al. 2024, Eq. 23), so written that 1 stays exactly 1. As u / (1 - u) is shift
 * times t / (1 - t), the way back is the shift by 1 / shift.
 */
export function shiftedTime(t: number, shift: number): number {
  return (shift * t) / (shift * t + (1 - t));
}
