import * as tf from "../tfjs.js";
import { check, checkDenoiser, checkEach, checkOptions, fail, isNumber } from "../check.js";
import { answerTo } from "../prediction/predict.js";
import { alphaSigma, checkTrainedOn } from "../schedules/coefficients.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import { consistencyTarget } from "../targets/consistency-target.js";
import type { Denoiser, Labels, Times } from "../types.js";
import { checkBatch, questionOf } from "./batch.js";
import { weightedMean } from "./prediction-error.js";

/**
 * How two images differ, m being the mean over pixels of their squared difference: `"l2"` m, `{ huber: c }`
 * sqrt(m + c^2) - c, the pseudo-Huber distance (Song & Dhariwal 2023, arXiv 2310.14189, Section 3.3).
 */
export type Distance = "l2" | { readonly huber: number };

/** Arguments of {@link consistencyLoss}. */
export interface ConsistencyLossInput {
  /** The model to train. */
  readonly student: Denoiser;
  /** Whose answer at the earlier time is the target, untaped: an average of the student, say. Default: the student. */
  readonly average?: Denoiser | undefined;
  /** Leads from zt to the earlier time by one DDIM step, untaped. Default: none, the same noise leads there. */
  readonly teacher?: Denoiser | undefined;
  /** The noise schedule of all. */
  readonly schedule: NoiseSchedule;
  /** Clean images [B, H, W, C] in [-1, 1]. */
  readonly x0: tf.Tensor4D;
  /** Standard normal noise of the same shape. */
  readonly eps: tf.Tensor4D;
  /** One time per sample, in (0, 1]. */
  readonly times: Times;
  /** One time per sample, from 0 to below that in `times`. */
  readonly earlier: Times;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels | undefined;
  /** Default "l2". */
  readonly distance?: Distance | undefined;
  /** One number >= 0 per sample. Default 1. */
  readonly weights?: readonly number[] | undefined;
}

const INPUT = {
  student: true,
  average: true,
  teacher: true,
  schedule: true,
  x0: true,
  eps: true,
  times: true,
  earlier: true,
  labels: true,
  distance: true,
  weights: true,
} as const;

/** Terms of {@link consistencyLoss}. */
export type ConsistencyLoss = {
  /** The mean over samples of weight * distance, to be differentiated. */
  readonly loss: tf.Scalar;
  /** Mean squared difference over the batch, unweighted. */
  readonly x0Mse: tf.Scalar;
};

/**
 * The consistency loss: the student's x0 at zt against the x0 that its average has at an earlier time on the same way to
 * data, so that it answers alike all along and its first answer is an image. Without a teacher it is consistency training
 * and tuning, with one consistency distillation. Where `earlier` is 0 the target is z of time 0 itself.
 *
 * @param input student, schedule, a batch and its earlier times (see `consistencyTimes`); `average`, `teacher`,
 *   `distance`, `weights`
 * @returns scalars `loss` and `x0Mse`; the caller disposes them
 * @throws if shapes do not fit, an earlier time is not below its time, weights or the distance are not as they should, or
 *   eps is predicted at zero terminal SNR
 * @see Song et al. 2023 (arXiv 2303.01469), Sections 4 and 5, Algorithms 2 and 3; Geng et al. 2024 (arXiv 2406.14548)
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { consistencyLoss, cosineSchedule, noise, type Denoiser } from "cfd-distill";
 * const student: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.tanh(zt), { predictionType: "x0" as const });
 * const [x0, eps] = [tf.zeros([2, 8, 8, 3]) as tf.Tensor4D, noise([1, 2], [8, 8, 3])];
 * const batch = { schedule: cosineSchedule(), x0, eps, times: [0.5, 1], earlier: [0, 0.75] };
 * const terms = consistencyLoss({ student, ...batch, distance: { huber: 0.01 } });
 * tf.dispose([x0, eps, ...Object.values(terms)]);
 * ```
 */
export function consistencyLoss(input: ConsistencyLossInput): ConsistencyLoss {
  const where = "consistencyLoss";
  checkOptions<ConsistencyLossInput>(where, input, INPUT);
  const { student, average = student, teacher, schedule, x0, eps, distance = "l2" } = input;
  checkBatch(input, where);
  checkDenoiser(student, where, "student");
  checkDenoiser(average, where, "average");
  checkTrainedOn(student, schedule, where, "a student");
  checkTrainedOn(average, schedule, where, "an average");
  if (teacher !== undefined) {
    checkDenoiser(teacher, where, "teacher");
    checkTrainedOn(teacher, schedule, where, "a teacher");
  }
  checkEarlier(input, where);
  checkDistance(distance, where);
  const weights = checkedWeights(input, where);
  const earlier = {
    times: input.earlier,
    coefficients: input.earlier.map((t) => alphaSigma(schedule, t)),
  };
  return tf.tidy(() => {
    const question = questionOf(input);
    const target = consistencyTarget(question, average, teacher ? { teacher } : { x0, eps }, earlier);
    const difference = tf.sub(answerTo(question, student).x0, target);
    const squares: tf.Tensor1D = tf.mean(tf.square(difference), [1, 2, 3]);
    return { loss: weightedMean(distanceOf(squares, distance), weights), x0Mse: tf.mean(squares) };
  });
}

/** sqrt(m + c^2) - c as m / (sqrt(m + c^2) + c), which keeps the digits of a small m. */
function distanceOf(squares: tf.Tensor1D, distance: Distance): tf.Tensor1D {
  if (distance === "l2") return squares;
  const c = distance.huber;
  return tf.div(squares, tf.add(tf.sqrt(tf.add(squares, c ** 2)), c));
}

function checkDistance(distance: Distance, where: string): void {
  if (distance === "l2") return;
  if (typeof distance !== "object") fail(where, 'distance "l2" or { huber }', distance);
  checkOptions(where, distance, { huber: true });
  const { huber } = distance;
  check(isNumber(huber, 1e-18, 1e18), where, "huber > 0, from 1e-18 to 1e18: its square is added", huber);
}

/** Throws unless every earlier time is below its time. */
function checkEarlier({ times, earlier }: ConsistencyLossInput, where: string): void {
  checkPerSample(earlier, times.length, where, "earlier");
  const at = earlier.findIndex((s, i) => !isNumber(s, 0, 1) || s >= times[i]!);
  if (at >= 0)
    fail(where, "every earlier time from 0 to below its time", `${earlier[at]} beside ${times[at]}`);
}

function checkedWeights({ times, weights }: ConsistencyLossInput, where: string): readonly number[] {
  if (weights === undefined) return times.map(() => 1);
  checkPerSample(weights, times.length, where, "weights");
  checkEach(weights, (weight) => isNumber(weight, 0), where, "every weight to be a number >= 0");
  return weights;
}

function checkPerSample(values: readonly number[], batch: number, where: string, name: string): void {
  check(Array.isArray(values), where, `${name} to be an array of numbers`, values);
  check(values.length === batch, where, `${batch} ${name}, one per sample`, values.length);
}
