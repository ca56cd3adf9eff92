// Samplers on numbers of float64, one pixel at a time, written from the papers' equations.
import type { NoiseSchedule } from "../../src/index.js";

/** The x0 that a model answers for a pixel `z` at time `t`. */
export type PixelModel = (z: number, t: number) => number;

/** z, its time, the time it goes to, and what the last step left: its time and x0. */
type Step = (
  z: number,
  t: number,
  s: number,
  last?: { t: number; x0: number },
) => { next: number; x0: number };

const alpha = (schedule: NoiseSchedule, t: number) => Math.sqrt(schedule.alphaBar(t));
const sigma = (schedule: NoiseSchedule, t: number) => Math.sqrt(1 - schedule.alphaBar(t));
/** Half the log of the signal-to-noise ratio. */
const lambda = (schedule: NoiseSchedule, t: number) => Math.log(alpha(schedule, t) / sigma(schedule, t));

/** Song et al. 2021, Eq. 12 with eta 0. */
export function ddim(schedule: NoiseSchedule, model: PixelModel): Step {
  return (z, t, s) => {
    const x0 = model(z, t);
    const eps = (z - alpha(schedule, t) * x0) / sigma(schedule, t);
    return { next: alpha(schedule, s) * x0 + sigma(schedule, s) * eps, x0 };
  };
}

/** Lu et al. 2022 (arXiv 2211.01095), algorithm 2, with a first-order last step. */
export function dpmSolver2M(schedule: NoiseSchedule, model: PixelModel, end: number): Step {
  return (z, t, s, last) => {
    const x0 = model(z, t);
    const h = lambda(schedule, s) - lambda(schedule, t);
    const r = last === undefined ? 0 : (lambda(schedule, t) - lambda(schedule, last.t)) / h;
    const data = last === undefined || s === end ? x0 : x0 + (x0 - last.x0) / (2 * r);
    const decay = sigma(schedule, s) / sigma(schedule, t);
    return { next: decay * z + alpha(schedule, s) * (1 - Math.exp(-h)) * data, x0 };
  };
}

/** Heun's rule for dz / dphi = v (Salimans & Ho 2022, Appendix D), with an Euler step of DDIM at the end. */
export function heun(schedule: NoiseSchedule, model: PixelModel, end: number): Step {
  const euler = ddim(schedule, model);
  const angle = (t: number) => Math.atan2(sigma(schedule, t), alpha(schedule, t));
  const slope = (z: number, t: number) => {
    const x0 = model(z, t);
    const eps = (z - alpha(schedule, t) * x0) / sigma(schedule, t);
    return alpha(schedule, t) * eps - sigma(schedule, t) * x0;
  };
  return (z, t, s) => {
    if (s === end) return euler(z, t, s);
    const turn = angle(s) - angle(t);
    const first = slope(z, t);
    return { next: z + (turn / 2) * (first + slope(z + turn * first, s)), x0: model(z, t) };
  };
}

/** Follows `step` down the times for every pixel. */
export function follow(step: Step, start: ArrayLike<number>, times: readonly number[]): number[] {
  return Array.from(start, (pixel) => {
    let z = pixel;
    let last: { t: number; x0: number } | undefined;
    for (let i = 0; i + 1 < times.length; i++) {
      const { next, x0 } = step(z, times[i]!, times[i + 1]!, last);
      [z, last] = [next, { t: times[i]!, x0 }];
    }
    return z;
  });
}
