import type * as tf from "../tfjs.js";
import { check, checkDenoiser, checkImages, checkNamed, checkSameShape } from "../check.js";
import { gridPositions, halfSteps, targetAt } from "../targets/progressive-target.js";
import type { Prediction, Question } from "../prediction/predict.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Labels, Times } from "../types.js";
import { checkTrainedOn } from "../schedules/coefficients.js";
import { checkBatch } from "./batch.js";

/** Where a distillation loss gets its target: a teacher to ask, or a target computed before. */
export type TargetSource =
  | {
      /** A denoiser good at 2N steps; runs untaped. */
      readonly teacher: Denoiser;
      readonly target?: undefined;
    }
  | {
      readonly teacher?: undefined;
      /** What `progressiveTarget` returned for the same zt = addNoise(schedule, x0, eps, times). */
      readonly target: Prediction;
    };

/** Arguments that the distillation losses share. */
export type DistillationInput = TargetSource & {
  /** The model to train. */
  readonly student: Denoiser;
  /** The noise schedule of both. */
  readonly schedule: NoiseSchedule;
  /** Clean images [B, H, W, C] in [-1, 1]. */
  readonly x0: tf.Tensor4D;
  /** Standard normal noise of the same shape. */
  readonly eps: tf.Tensor4D;
  /** One time per sample, each i / studentSteps with i in {1, ..., studentSteps}. */
  readonly times: Times;
  /** Steps N of the student. */
  readonly studentSteps: number;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
};

/** The names of {@link DistillationInput}. */
export const DISTILLATION_INPUT = {
  student: true,
  teacher: true,
  target: true,
  schedule: true,
  x0: true,
  eps: true,
  times: true,
  studentSteps: true,
  labels: true,
} as const;

/** Throws unless the batch fits together and there is a teacher or a target, not both. */
export function checkDistillation(input: DistillationInput, where: string): void {
  checkBatch(input, where);
  const { student, teacher, target, schedule, x0, times, studentSteps } = input;
  checkDenoiser(student, where, "student");
  checkTrainedOn(student, schedule, where, "a student");
  const one = (teacher === undefined) !== (target === undefined);
  check(one, where, "either teacher or target", teacher === undefined ? "neither" : "both");
  if (target === undefined) {
    checkDenoiser(teacher, where, "teacher");
    checkTrainedOn(teacher, schedule, where, "a teacher");
    return;
  }
  gridPositions(times, studentSteps, where); // which a teacher's half-steps see to
  checkNamed(target, where, "target with x0 and eps");
  for (const name of ["x0", "eps"] as const) {
    checkImages(target[name], where, `target.${name}`);
    checkSameShape(target[name], x0, where, `target.${name} and x0`);
  }
}

/** The target given, or the teacher's, after {@link checkDistillation}. Runs in a tidy. */
export function targetOf(input: DistillationInput, question: Question, where: string): Prediction {
  const { teacher, target, schedule, times, studentSteps } = input;
  return target ?? targetAt(question, teacher, halfSteps(schedule, times, studentSteps, where));
}
