// Evenly spread times seen as others, with more noise or less.
import type { Denoiser, NoiseSchedule } from "cfd-distill";

/**
 * The time at which a cosine schedule's logSNR is that of `t` less `shift`; 0 and 1 stay where they are (Hoogeboom et al.
 * 2023, arXiv 2301.11093, Section 2.1).
 */
export function shiftedTime(t: number, shift: number): number {
  if (t === 0 || t === 1) return t;
  return (2 / Math.PI) * Math.atan(Math.exp(shift / 2) * Math.tan((Math.PI / 2) * t));
}

/** The denoiser, asked at shifted times. */
export function shiftedDenoiser(denoiser: Denoiser, shift = 0): Denoiser {
  if (shift === 0) return denoiser;
  const later = (times: readonly number[]) => times.map((t) => shiftedTime(t, shift));
  const shifted: (...question: Parameters<Denoiser>) => ReturnType<Denoiser> = (zt, times, labels) =>
    denoiser(zt, later(times), labels);
  return Object.assign(shifted, { predictionType: denoiser.predictionType });
}

/** The schedule, at shifted times; its config stays that of the schedule itself. */
export function shiftedSchedule(schedule: NoiseSchedule, shift = 0): NoiseSchedule {
  if (shift === 0) return schedule;
  if (schedule.alphaSigma) throw new Error("shift: expected a schedule that preserves variance, got a flow.");
  return { ...schedule, alphaBar: (t) => schedule.alphaBar(shiftedTime(t, shift)) };
}
