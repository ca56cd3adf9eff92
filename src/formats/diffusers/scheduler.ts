import { MOST } from "../../bounds.js";
import { check, checkPositiveInteger, fail } from "../../check.js";
import { cosineBetas } from "../../schedules/cosine.js";
import { tableSchedule } from "../../schedules/table.js";
import type { PredictionType, Variance } from "../../types.js";
import { complete, READ, type DiffusersConfig } from "./config.js";
import { FLOW_SCHEDULER, readFlowScheduler } from "./flow-scheduler.js";
import { KINDS, type Kind } from "./scheduler-kinds.js";
import { linspace, SCHEDULER, type DiffusersScheduler } from "./scheduling.js";

// What diffusers' schedulers compute (huggingface/diffusers, src/diffusers/schedulers), as a table of alphaBar and the
// times that a sampler visits. Timestep i of N, which is what the network sees, is at t = (i + 1) / N here: t = 0 is the
// alpha at which their samplers end.

/** The deviations that DDPMScheduler adds; of "fixed_large_log" it takes a logarithm's root, which is no number. */
const VARIANCES: Readonly<Record<string, Variance>> = {
  fixed_small: "small",
  fixed_small_log: "small",
  fixed_large: "large",
};
const HARMLESS = [
  "skip_prk_steps",
  "dynamic_thresholding_ratio",
  "sample_max_value",
  "tensor_format",
  "flow_shift",
  "time_shift_type",
];

/** Reads what scheduler_config.json holds; refuses, by name, what is not supported. */
export function readScheduler(config: DiffusersConfig): DiffusersScheduler {
  const name = config._class_name;
  if (name === FLOW_SCHEDULER) return readFlowScheduler(config);
  const kind = oneOf(KINDS, name, "a scheduler", FLOW_SCHEDULER);
  const values = complete(config, {
    file: SCHEDULER,
    defaults: { ...DEFAULTS, ...kind.defaults },
    only: kind.only,
    harmless: [...HARMLESS, ...kind.passedOver],
  });
  const { clip_sample_range: range = 1 } = values;
  const unclipped = values.clip_sample !== true;
  check(unclipped || range === 1, READ, `"clip_sample_range" in ${SCHEDULER} to be 1`, range);
  const timesteps = values.num_train_timesteps;
  checkPositiveInteger(timesteps, READ, "num_train_timesteps");
  check(timesteps <= MOST.steps, READ, `num_train_timesteps of at most ${MOST.steps}`, timesteps);
  const cumulative = cumulativeProducts(betasOf(values, timesteps, kind));
  const alphaBars = values.rescale_betas_zero_snr === true ? rescaled(cumulative) : cumulative;
  return {
    schedule: tableSchedule([values.set_alpha_to_one === false ? alphaBars[0]! : 1, ...alphaBars]),
    predictionType: oneOf(PREDICTIONS, values.prediction_type, "prediction_type"),
    seen: { timeScale: timesteps, timeOffset: -1 },
    clip: values.clip_sample === true ? kind.clip : false,
    variance: varianceOf(values.variance_type),
    times: (steps) => timesOf(values, kind, timesteps, steps),
  };
}

/** What a file's keys are where it lacks them, unless its scheduler has others. */
const DEFAULTS: DiffusersConfig = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: "linear",
  trained_betas: null,
  prediction_type: "epsilon",
  steps_offset: 0,
};

function varianceOf(type: unknown): Variance {
  return type === undefined ? "small" : oneOf(VARIANCES, type, "variance_type"); // DDIM's is small, with any eta
}

const PREDICTIONS: Readonly<Record<string, PredictionType>> = {
  epsilon: "eps",
  sample: "x0",
  v_prediction: "v",
};

/** What `values` has under a name that a file gives, or an error with the names that it may give. */
function oneOf<T>(
  values: Readonly<Record<string, T>>,
  name: unknown,
  what: string,
  ...others: readonly string[]
): T {
  const known = typeof name === "string" && Object.hasOwn(values, name);
  return known
    ? values[name]!
    : fail(READ, `${what} among ${[...Object.keys(values), ...others].join(", ")}`, name);
}

function betasOf(values: DiffusersConfig, count: number, { betaSchedules }: Kind): readonly number[] {
  const { trained_betas: trained, beta_schedule: name } = values;
  if (trained !== null) {
    const isBeta = (beta: unknown) => typeof beta === "number" && beta >= 0 && beta <= 1;
    const isList = Array.isArray(trained) && trained.length === count && trained.every(isBeta);
    check(isList, READ, `trained_betas to be ${count} numbers in [0, 1]`, trained);
    return trained as number[];
  }
  check(
    (betaSchedules as readonly unknown[]).includes(name),
    READ,
    `beta_schedule among ${betaSchedules.join(", ")}`,
    name,
  );
  const [from, to] = [values.beta_start, values.beta_end] as [number, number];
  check(from > 0 && from <= to && to < 1, READ, "0 < beta_start <= beta_end < 1", [from, to]);
  switch (name) {
    case "linear":
      return linspace(from, to, count);
    case "scaled_linear":
      return linspace(Math.sqrt(from), Math.sqrt(to), count).map((root) => root ** 2);
    case "sigmoid":
      return linspace(-6, 6, count).map((x) => from + (to - from) / (1 + Math.exp(-x)));
    default:
      return cosineBetas(count, 0.008, 0.999);
  }
}

function cumulativeProducts(betas: readonly number[]): number[] {
  let product = 1;
  return betas.map((beta) => (product *= 1 - beta));
}

/** Zero terminal SNR: Lin et al. 2023 (arXiv 2305.08891), algorithm 1. */
function rescaled(alphaBars: readonly number[]): number[] {
  const roots = alphaBars.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  return roots.map((root) => ((root - last) * (first / (first - last))) ** 2);
}

/** Lin et al. 2023, table 2: the timesteps, moved to this library's times. */
function timesOf(values: DiffusersConfig, kind: Kind, timesteps: number, steps: number): readonly number[] {
  checkPositiveInteger(steps, READ, "times: steps");
  check(steps <= timesteps, READ, `times: at most the scheduler's ${timesteps} timesteps`, steps);
  const visited = timestepsOf(values, timesteps, kind.pieces(steps), steps).slice(0, steps);
  const kept = kind.fractional ? visited.map(whole) : visited.map(roundHalfEven);
  const stride = Math.floor(timesteps / steps);
  const end = kind.toNext ? -1 : Math.max(-1, kept.at(-1)! - stride);
  const times = [...kept, end].map((timestep) => (timestep + 1) / timesteps);
  const valid =
    kept.length === steps && times.every((t, i) => t >= 0 && t <= 1 && (i === 0 || t < times[i - 1]!));
  check(valid, READ, `times: ${steps} steps that this scheduler can take`, times);
  checkSteps(values, kind, kept, stride);
  return times;
}

/** Throws where the scheduler's own steps cannot be said by the times that it visits. */
function checkSteps(
  values: DiffusersConfig,
  { toNext }: Kind,
  kept: readonly number[],
  stride: number,
): void {
  const spacing = `timestep_spacing ${String(values.timestep_spacing)} and ${kept.length} steps`;
  const uneven = kept.find((timestep, i) => i > 0 && kept[i - 1]! - timestep !== stride);
  const evenly = `times: timesteps one stride, ${stride}, apart, as a step of DDIMScheduler goes that far down`;
  check(toNext || uneven === undefined, READ, evenly, `others, with ${spacing}`);
  const last = kept.at(-1)!;
  const large = varianceOf(values.variance_type) === "large";
  const atZero =
    "times: a last step from timestep 0, as variance_type fixed_large adds noise after any other";
  check(!large || last === 0, READ, atZero, `timestep ${last}, with ${spacing}`);
}

/** The timesteps from the last down, as NumPy computes them. */
function timestepsOf(values: DiffusersConfig, count: number, pieces: number, steps: number): number[] {
  const { timestep_spacing: spacing, steps_offset: offset } = values;
  checkOffset(offset);
  switch (spacing) {
    case "linspace":
      return linspace(0, count - 1, pieces).reverse();
    case "leading": {
      const stride = Math.floor(count / pieces);
      return Array.from({ length: pieces }, (_, i) => (pieces - 1 - i) * stride + offset);
    }
    case "trailing": {
      const stride = count - (count - count / steps); // numpy.arange's own increment
      return Array.from({ length: steps }, (_, i) => roundHalfEven(count - i * stride) - 1);
    }
    default:
      return fail(READ, "timestep_spacing among leading, trailing, linspace", spacing);
  }
}

function checkOffset(offset: unknown): asserts offset is number {
  check(Number.isInteger(offset) && (offset as number) >= 0, READ, "steps_offset to be 0 or more", offset);
}

/** A timestep's place in the table. NumPy has those of linspace in float32. */
function whole(timestep: number): number {
  const nearest = Math.round(timestep);
  const expected =
    "times: as many steps as have whole timesteps, as this scheduler goes between them in sigma";
  check(Math.abs(timestep - nearest) < 1e-6, READ, expected, `timestep ${timestep}`);
  return nearest;
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
