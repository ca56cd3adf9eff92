import * as tf from "../tfjs.js";
import { MOST } from "../bounds.js";
import {
  check,
  checkDenoiser,
  checkImages,
  checkLabels,
  checkOptions,
  checkPositiveInteger,
  checkTimes,
} from "../check.js";
import { answerTo, epsFromX0, type Prediction, type Question } from "../prediction/predict.js";
import { ddimStep } from "../prediction/ddim-step.js";
import {
  alphaSigma,
  checkTrainedOn,
  perSample,
  ratioOf,
  type AlphaSigma,
} from "../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../schedules/schedule.js";
import { untaped } from "../autodiff/untaped.js";
import type { Denoiser, Labels, Times } from "../types.js";

/** Options of {@link progressiveTarget}. */
export interface ProgressiveTargetOptions {
  /** Steps N of the student; its times are i / N, and the teacher takes two steps of 1 / 2N. */
  readonly studentSteps: number;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
}

/**
 * What a student of N steps should answer at zt so that its one DDIM step lands where two of the teacher's do.
 * The teacher runs untaped, also inside `valueAndGrads`; nothing is clipped, so x0 may leave [-1, 1].
 *
 * @param teacher a denoiser good at 2N steps
 * @param schedule the noise schedule of both
 * @param zt noisy images [B, H, W, C]
 * @param times one per sample, each i / N with i in {1, ..., N}
 * @param options `studentSteps` and `labels`
 * @returns x0 and the eps that goes with it, [B, H, W, C]; the caller disposes them
 * @throws if the teacher says that it was trained on another schedule, a time is not on the student's grid, or the teacher's 2N steps do not divide the authors' table
 * @see Salimans & Ho 2022 (arXiv 2202.00512), Algorithm 2; Sun et al. 2022 (arXiv 2211.12039), Section 2
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cosineSchedule, noise, progressiveTarget, type Denoiser } from "cfd-distill";
 * const grey: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), { predictionType: "x0" as const });
 * const zt = noise([1, 2], [8, 8, 3]);
 * const target = progressiveTarget(grey, cosineSchedule(), zt, [0.25, 1], { studentSteps: 4 });
 * tf.dispose([zt, target.x0, target.eps]);
 * ```
 */
export function progressiveTarget(
  teacher: Denoiser,
  schedule: NoiseSchedule,
  zt: tf.Tensor4D,
  times: Times,
  options: ProgressiveTargetOptions,
): Prediction {
  checkOptions("progressiveTarget", options, { studentSteps: true, labels: true });
  const { studentSteps, labels } = options;
  checkDenoiser(teacher, "progressiveTarget", "teacher");
  checkSchedule(schedule, "progressiveTarget");
  checkImages(zt, "progressiveTarget", "zt");
  checkTimes(times, zt.shape[0], "progressiveTarget");
  checkLabels(labels, zt.shape[0], "progressiveTarget");
  checkTrainedOn(teacher, schedule, "progressiveTarget", "a teacher");
  const coefficients = times.map((t) => alphaSigma(schedule, t));
  const halves = halfSteps(schedule, times, studentSteps, "progressiveTarget");
  return tf.tidy(() => targetAt({ zt, times, labels, coefficients }, teacher, halves));
}

/** {@link progressiveTarget} of what was checked before. Runs in a tidy. */
export function targetAt(question: Question, teacher: Denoiser, halves: HalfSteps): Prediction {
  const { zt, labels, coefficients } = question;
  const { times, middle, to } = halves;
  const x0 = untaped(() => {
    const first = answerTo(question, teacher);
    const midway = ddimStep(first, middle);
    const second = answerTo({ zt: midway, times, labels, coefficients: middle }, teacher);
    return mixed([first.x0, second.x0], coefficients, middle, to);
  });
  return { x0, eps: epsFromX0(x0, zt, coefficients) };
}

/** Where the halves of each sample's step meet, and where the second ends. */
export interface HalfSteps {
  /** Where they meet. */
  readonly times: Times;
  readonly middle: readonly AlphaSigma[];
  readonly to: readonly AlphaSigma[];
}

/** Throws unless each time is i / studentSteps, but for rounding; the numbers i. */
export function gridPositions(times: Times, studentSteps: number, where: string): number[] {
  checkPositiveInteger(studentSteps, where, "studentSteps");
  check(studentSteps <= MOST.steps, where, `at most ${MOST.steps} studentSteps`, studentSteps);
  const positions = times.map((t) => Math.round(t * studentSteps));
  const onGrid = (t: number, i: number) =>
    positions[i]! >= 1 && Math.abs(t * studentSteps - positions[i]!) < 1e-6;
  const expected = `every time to be i / studentSteps, i = 1..${studentSteps}`;
  check(times.every(onGrid), where, expected, times);
  return positions;
}

/** The halves of each sample's step, as integers over 2N so that 0 is exactly 0; throws where there are none. */
export function halfSteps(
  schedule: NoiseSchedule,
  times: Times,
  studentSteps: number,
  where: string,
): HalfSteps {
  const positions = gridPositions(times, studentSteps, where);
  const { config } = schedule as Partial<NoiseSchedule>; // which a schedule of the caller's may lack
  if (config?.type === "discreteCosine") {
    const { steps } = config;
    const expected = `studentSteps whose double divides the ${steps} steps of the schedule`;
    check(steps % (2 * studentSteps) === 0, where, expected, studentSteps);
  }
  const timeOf = (i: number) => i / (2 * studentSteps);
  return {
    times: positions.map((i) => timeOf(2 * i - 1)),
    middle: positions.map((i) => alphaSigma(schedule, timeOf(2 * i - 1))),
    to: positions.map((i) => alphaSigma(schedule, timeOf(2 * i - 2))),
  };
}

/**
 * The x0 whose one step lands at z'' of the teacher's two, x0 = (z'' - r zt) / (alpha'' - r alpha), r = sigma'' / sigma
 * (Salimans & Ho 2022, Algorithm 2). As z'' is made of zt and the teacher's two x0, zt cancels out: it is a mean of
 * theirs, with no difference of images to be divided by what a nearly flat schedule leaves of alpha'' - r alpha.
 */
function mixed(
  [first, second]: readonly [tf.Tensor4D, tf.Tensor4D],
  from: readonly AlphaSigma[],
  middle: readonly AlphaSigma[],
  to: readonly AlphaSigma[],
): tf.Tensor4D {
  const shares = to.map((end, i) => shareOfSecond(from[i]!, middle[i]!, end));
  const rests = shares.map((share) => 1 - share);
  return tf.add(tf.mul(second, perSample(shares)), tf.mul(first, perSample(rests)));
}

/** A step whose gain is no more than this share of alpha is flat, but for rounding in float64. */
const ROUNDING = 1e-12;

/** The second half-step's share of the whole step's alpha'' - r alpha; a half where the schedule is flat. */
function shareOfSecond(from: AlphaSigma, middle: AlphaSigma, to: AlphaSigma): number {
  const second = gain(middle, to);
  const whole = second + ratioOf(to.sigma, middle.sigma) * gain(from, middle);
  return whole <= ROUNDING * to.alpha ? 1 / 2 : second / whole;
}

/** How much of x0 a DDIM step adds: alpha_s - (sigma_s / sigma_t) alpha_t, >= 0 but for rounding. */
function gain(from: AlphaSigma, to: AlphaSigma): number {
  return Math.max(0, to.alpha - ratioOf(to.sigma, from.sigma) * from.alpha);
}
