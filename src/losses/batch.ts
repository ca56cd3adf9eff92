import type { Tensor4D } from "../tfjs.js";
import { checkImages, checkLabels, checkSameShape, checkTimes } from "../check.js";
import type { Question } from "../prediction/predict.js";
import { alphaSigma, noised } from "../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../schedules/schedule.js";
import type { Labels, Times } from "../types.js";

/** What every loss is given of the data. */
interface Batch {
  readonly schedule: NoiseSchedule;
  readonly x0: Tensor4D;
  readonly eps: Tensor4D;
  readonly times: Times;
  readonly labels?: Labels | undefined;
}

/** Throws unless images, noise, times and labels are of one batch, and the schedule is one. */
export function checkBatch({ schedule, x0, eps, times, labels }: Batch, where: string, name = "x0"): void {
  checkSchedule(schedule, where);
  checkImages(x0, where, name);
  checkImages(eps, where, "eps");
  checkSameShape(x0, eps, where, `${name} and eps`);
  checkTimes(times, x0.shape[0], where);
  checkLabels(labels, x0.shape[0], where);
}

/** What a batch asks of a denoiser, after {@link checkBatch}: its noisy images at its times. Runs in a tidy. */
export function questionOf({ schedule, x0, eps, times, labels }: Batch): Question {
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  return { zt: noised({ x0, eps }, coefficients), times, labels, coefficients };
}
