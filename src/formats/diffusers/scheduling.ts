import type { UnetOptions } from "../../models/unet-config.js";
import type { Clip } from "../../prediction/predict.js";
import type { NoiseSchedule } from "../../schedules/schedule.js";
import type { PredictionType, Variance } from "../../types.js";

/** A scheduler of diffusers. */
export interface DiffusersScheduler {
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  /** What its network sees of a time. */
  readonly seen: Pick<UnetOptions, "timeScale" | "timeOffset" | "timeShift">;
  /** What its own sampler clips. */
  readonly clip: Clip;
  /** What its own sampler adds in a step. */
  readonly variance: Variance;
  /** The times that its own sampler visits in this many steps, and where it ends. */
  readonly times: (steps: number) => readonly number[];
}

/** The scheduler's file, in errors. */
export const SCHEDULER = "scheduler_config.json";

/** Keys that are off. */
export const OFF: readonly unknown[] = [false, null];

/** As NumPy computes it. */
export function linspace(from: number, to: number, count: number): number[] {
  const step = (to - from) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 && i > 0 ? to : from + i * step));
}
