import { check, checkOptions } from "../check.js";
import { checkFiniteOptions, continuousSchedule, type NoiseSchedule } from "./schedule.js";

/** Options of {@link cosineSchedule}. */
export interface CosineOptions {
  /** Offset that keeps the noise at t = 0 from vanishing (Nichol & Dhariwal 2021, Section 3.2). Default 0. */
  readonly s?: number;
}

/**
 * The continuous cosine schedule: alphaBar(t) = f(t) / f(0), f(t) = cos^2((t + s) / (1 + s) * pi / 2), with
 * logSNR clipped to [-20, 20]. With the default s = 0, alphaBar(t) = cos^2(pi t / 2).
 *
 * @param options `s` >= 0
 * @returns the schedule
 * @throws if `s` is negative or not finite
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Section 2; Nichol & Dhariwal 2021 (arXiv 2102.09672), Eq. 17
 * @example
 * ```ts
 * import { cosineSchedule } from "cfd-distill";
 * console.log(cosineSchedule().alphaBar(0.5).toFixed(6)); // 0.500000
 * ```
 */
export function cosineSchedule(options: CosineOptions = {}): NoiseSchedule {
  checkOptions("cosineSchedule", options, { s: true });
  checkFiniteOptions(options, "cosineSchedule");
  const { s = 0 } = options;
  check(s >= 0, "cosineSchedule", "s >= 0", s);
  return continuousSchedule({ type: "cosine", s }, (t) => squaredCosine(t, s) / squaredCosine(0, s));
}

/** f(u) = cos^2((u + s) / (1 + s) * pi / 2) (Nichol & Dhariwal 2021, Eq. 17). */
export function squaredCosine(u: number, s: number): number {
  return Math.cos((((u + s) / (1 + s)) * Math.PI) / 2) ** 2;
}

/** The betas of so many steps, 1 - f((i + 1) / count) / f(i / count), none above `maxBeta` (the same equation). */
export function cosineBetas(count: number, s: number, maxBeta: number): number[] {
  return Array.from({ length: count }, (_, i) =>
    Math.min(1 - squaredCosine((i + 1) / count, s) / squaredCosine(i / count, s), maxBeta),
  );
}
