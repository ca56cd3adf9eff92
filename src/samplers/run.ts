import * as tf from "../tfjs.js";
import {
  check,
  checkDenoiser,
  checkEach,
  checkImages,
  checkLabels,
  checkOptions,
  checkSeeds,
  fail,
  isNumber,
  isTensor,
} from "../check.js";
import { answerTo, checkClip, type Clip, type Prediction } from "../prediction/predict.js";
import { alphaSigma, checkTrainedOn, type AlphaSigma } from "../schedules/coefficients.js";
import { checkSchedule, type NoiseSchedule } from "../schedules/schedule.js";
import { stepTimes } from "../schedules/times.js";
import type { Denoiser, Labels } from "../types.js";
import { watchFinite, type FiniteWatch } from "./finite.js";
import { withGuidance } from "./guidance.js";
import { nextTask } from "./next-task.js";

/** Where a sampler stands, as `onStep` sees it. The tensors live until `onStep` returns or resolves. */
export interface SamplerStep {
  /** 0 for the first step. */
  readonly index: number;
  /** How many steps there are. */
  readonly count: number;
  /** The time reached by this step, in [0, 1]. */
  readonly time: number;
  /** The images at that time [B, H, W, C]. */
  readonly zt: tf.Tensor4D;
  /** The clean images as the model saw them before this step [B, H, W, C]: a preview. */
  readonly x0: tf.Tensor4D;
}

/** Which times a sampler visits: `steps` for i / steps, or `times`, falling, one more than there are steps. */
export type SamplerGrid =
  | { readonly steps: number; readonly times?: undefined }
  | { readonly times: readonly number[]; readonly steps?: undefined };

/** Options that every sampler has. */
export type SamplerOptions = SamplerGrid & {
  /** What is kept within [-1, 1]; `true` also clips the result. Default true. */
  readonly clip?: Clip;
  /** One class per sample, -1 for none. */
  readonly labels?: Labels;
  /** Classifier-free guidance scale, see {@link withGuidance}; needs labels. Default: none. */
  readonly guidance?: number;
  /** One seed per image for the noise that a sampler adds; those that add none take and leave them. */
  readonly seeds?: readonly number[];
  /** Called after each step, awaited. */
  readonly onStep?: (step: SamplerStep) => void | Promise<void>;
  /** Stops the sampler before its next step: it rejects with the signal's reason and frees what it holds. */
  readonly signal?: AbortSignal;
};

/** The names of {@link SamplerOptions}. */
const OPTIONS: Readonly<Record<keyof SamplerOptions, true>> = {
  steps: true,
  times: true,
  clip: true,
  labels: true,
  guidance: true,
  seeds: true,
  onStep: true,
  signal: true,
};

/** One step from `t` down to `s`. */
export interface Interval {
  readonly t: number;
  readonly s: number;
  /** alpha and sigma at `t`. */
  readonly from: AlphaSigma;
  /** alpha and sigma at `s`. */
  readonly to: AlphaSigma;
  /** The time before `t`, and the x0 predicted there; absent in the first step. */
  readonly previous: { readonly t: number; readonly x0: tf.Tensor4D } | undefined;
  readonly isLast: boolean;
}

/** Asks the model at one time for the whole batch, with the sampler's labels, guidance and clipping. */
export type Ask = (zt: tf.Tensor4D, t: number) => Prediction;

/** A sampler's rule: from zt at `t` to the images at `s`, with the x0 predicted at `t`. Runs in a tidy. */
export type Rule = (zt: tf.Tensor4D, interval: Interval, ask: Ask) => { next: tf.Tensor4D; x0: tf.Tensor4D };

/** What a sampler works on, and under which name it reports errors. */
export interface Run {
  readonly where: string;
  readonly denoiser: Denoiser;
  readonly schedule: NoiseSchedule;
  readonly zT: tf.Tensor4D;
  readonly options: SamplerOptions;
}

/** The loop that all samplers share, after {@link checkRun}: times, previews, abortion and memory. */
export async function visitTimes(run: Run, rule: Rule): Promise<tf.Tensor4D> {
  const { where, schedule, zT, options } = run;
  const { clip = true, onStep, signal } = options;
  const times = gridTimes(options, where);
  const watch = watchFinite();
  const ask = asker(run, watch);

  let zt = zT.clone();
  let previous: Interval["previous"];
  try {
    for (let index = 0; index < times.length - 1; index++) {
      signal?.throwIfAborted();
      const [t, s] = [times[index]!, times[index + 1]!];
      const [from, to] = [alphaSigma(schedule, t), alphaSigma(schedule, s)];
      const interval = { t, s, from, to, previous, isLast: index === times.length - 2 };
      const { next, x0 } = tf.tidy(() => rule(zt, interval, ask));
      tf.dispose([zt, previous?.x0]);
      zt = next;
      previous = { t, x0 };
      if (onStep) await show({ index, count: times.length - 1, time: s, zt, x0 }, onStep);
      await nextTask();
    }
    watch.look(zt, "finite numbers in the images");
    await watch.check(where);
    return clip === true ? tf.clipByValue(zt, -1, 1) : zt.clone();
  } finally {
    tf.dispose([zt, previous?.x0]);
    watch.dispose();
  }
}

/** Throws unless what a sampler works on fits together; `own` names its options beside those that all have. */
export function checkRun(run: Run, own: Readonly<Record<string, true>> = {}): void {
  const { where, denoiser, schedule, zT, options } = run;
  checkOptions<object>(where, options, { ...OPTIONS, ...own });
  checkDenoiser(denoiser, where);
  checkSchedule(schedule, where);
  checkImages(zT, where, "zT");
  checkTrainedOn(denoiser, schedule, where);
  const { labels, seeds, clip = true, guidance, onStep, signal } = options;
  const batch = zT.shape[0];
  checkLabels(labels, batch, where);
  checkClip(clip, where);
  if (guidance !== undefined) check(labels !== undefined, where, "labels together with guidance", labels);
  if (seeds !== undefined) {
    checkSeeds(seeds, where);
    check(seeds.length === batch, where, `${batch} seeds, one per image`, `${seeds.length} seeds`);
  }
  const isSignal = signal === undefined || typeof signal?.throwIfAborted === "function";
  check(isSignal, where, "signal to be an AbortSignal", signal);
  check(onStep === undefined || typeof onStep === "function", where, "onStep to be a function", onStep);
}

/** Lets `onStep` look at tensors of its own, which it may dispose. */
async function show(step: SamplerStep, onStep: NonNullable<SamplerOptions["onStep"]>): Promise<void> {
  const copies = { zt: step.zt.clone(), x0: step.x0.clone() };
  try {
    await onStep({ ...step, ...copies });
  } finally {
    tf.dispose(copies);
  }
}

function asker({ denoiser, schedule, zT, options }: Run, watch: FiniteWatch): Ask {
  const { clip = true, labels, guidance } = options;
  const model = guidance === undefined ? denoiser : withGuidance(denoiser, guidance);
  // Before anything is clipped: what is no number would become one on some engines.
  const watched = (...asked: Parameters<Denoiser>) => {
    const output = model(...asked);
    if (isTensor(output))
      watch.look(output, `finite numbers in the denoiser's output at time ${asked[1][0]}`);
    return output;
  };
  const watchedModel = Object.assign(watched, { predictionType: denoiser.predictionType });
  const forAll = <T>(value: T) => Array<T>(zT.shape[0]).fill(value);
  return (zt, t) => {
    const coefficients = forAll(alphaSigma(schedule, t));
    return answerTo({ zt, times: forAll(t), labels, coefficients }, watchedModel, clip);
  };
}

function gridTimes(options: SamplerGrid, name: string): readonly number[] {
  if (options.steps !== undefined && options.times !== undefined) fail(name, "either steps or times", "both");
  if (options.steps !== undefined) return stepTimes(options.steps);
  const times: readonly number[] | undefined = options.times;
  check(times !== undefined, name, "steps or times", times);
  check(Array.isArray(options.times), name, "times to be an array of numbers", times);
  check(times.length >= 2, name, "at least 2 times, where to start and where to end", times);
  checkEach(times, (t) => isNumber(t, 0, 1), name, "times in [0, 1] that fall");
  const falls = times.every((t, i) => i === 0 || t < times[i - 1]!);
  check(falls, name, "times in [0, 1] that fall", times);
  return times;
}
