import * as tf from "@tensorflow/tfjs";
import { check, checkImages, checkLabels, fail } from "../check.js";
import { predict, type Clip, type Prediction } from "../prediction.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import { stepTimes } from "../schedules/times.js";
import type { Denoiser, Labels } from "../types.js";
import { withGuidance } from "./guidance.js";

/** Where a sampler stands, as `onStep` sees it. The tensors are only valid until `onStep` returns or resolves. */
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
  /** Called after each step, awaited. */
  readonly onStep?: (step: SamplerStep) => void | Promise<void>;
  /** Stops the sampler before its next step: it rejects with the signal's reason and frees what it holds. */
  readonly signal?: AbortSignal;
};

/** One step from `t` down to `s`. */
export interface Interval {
  readonly t: number;
  readonly s: number;
  /** The time before `t`, and the x0 predicted there; absent in the first step. */
  readonly previous: { readonly t: number; readonly x0: tf.Tensor4D } | undefined;
  readonly isLast: boolean;
}

/** Asks the model at one time for the whole batch, with the sampler's labels, guidance and clipping. */
export type Ask = (zt: tf.Tensor4D, t: number) => Prediction;

/** A sampler's rule: from zt at `t` to the images at `s`, with the x0 predicted at `t`. Runs in a tidy. */
export type Rule = (zt: tf.Tensor4D, interval: Interval, ask: Ask) => { next: tf.Tensor4D; x0: tf.Tensor4D };

/** What a sampler works on, and under which name it reports errors. */
export interface SamplerInput {
  readonly name: string;
  readonly denoiser: Denoiser;
  readonly schedule: NoiseSchedule;
  readonly zT: tf.Tensor4D;
}

/** The loop that all samplers share: times, checks, previews, abortion and memory. */
export async function runSampler(
  input: SamplerInput,
  options: SamplerOptions,
  rule: Rule,
): Promise<tf.Tensor4D> {
  const { name, zT } = input;
  checkImages(zT, name, "zT");
  checkLabels(options.labels, zT.shape[0], name);
  const times = gridTimes(options, name);
  const ask = asker(input, options);

  let zt = zT.clone();
  let previous: Interval["previous"];
  try {
    for (let index = 0; index < times.length - 1; index++) {
      options.signal?.throwIfAborted();
      const [t, s] = [times[index]!, times[index + 1]!];
      const interval = { t, s, previous, isLast: index === times.length - 2 };
      const { next, x0 } = tf.tidy(() => rule(zt, interval, ask));
      tf.dispose([zt, previous?.x0]);
      zt = next;
      previous = { t, x0 };
      await options.onStep?.({ index, count: times.length - 1, time: s, zt, x0 });
      await nextTask();
    }
    return options.clip === true || options.clip === undefined ? tf.clipByValue(zt, -1, 1) : zt.clone();
  } finally {
    tf.dispose([zt, previous?.x0]);
  }
}

function asker({ name, denoiser, schedule }: SamplerInput, options: SamplerOptions): Ask {
  const { clip = true, labels, guidance } = options;
  if (guidance !== undefined) check(labels !== undefined, name, "labels together with guidance", labels);
  const model = guidance === undefined ? denoiser : withGuidance(denoiser, guidance);
  return (zt, t) => predict(model, schedule, zt, Array<number>(zt.shape[0]).fill(t), { labels, clip });
}

function gridTimes(options: SamplerGrid, name: string): readonly number[] {
  if (options.steps !== undefined && options.times !== undefined) fail(name, "either steps or times", "both");
  if (options.steps !== undefined) return stepTimes(options.steps);
  const times: readonly number[] | undefined = options.times;
  check(times !== undefined && typeof times === "object", name, "steps or times", times);
  check(times.length >= 2, name, "at least 2 times, where to start and where to end", times);
  const falls = times.every((t, i) => t >= 0 && t <= 1 && (i === 0 || t < times[i - 1]!));
  check(falls, name, "times in [0, 1] that fall", times);
  return times;
}

/** Lets timers, messages and an abort in between two steps. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
