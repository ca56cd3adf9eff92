import { MOST } from "../../bounds.js";
import { check, checkPositiveInteger, fail } from "../../check.js";
import type { Clip } from "../../prediction/predict.js";
import type { NoiseSchedule } from "../../schedules/schedule.js";
import { tableSchedule } from "../../schedules/table.js";
import type { PredictionType, Variance } from "../../types.js";
import { complete, READ, type DiffusersConfig } from "./config.js";

// What diffusers' schedulers compute (huggingface/diffusers, src/diffusers/schedulers), as a table of alphaBar and the
// times that a sampler visits. Timestep i of N, which is what the network sees, is at t = (i + 1) / N here: t = 0 is the
// alpha at which their samplers end.

/** A scheduler of diffusers. */
export interface DiffusersScheduler {
  /** N + 1 entries: the alpha at which a sampler ends, then `alphas_cumprod`, in float64. */
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  /** N, the timesteps of its training. */
  readonly timesteps: number;
  /** What its own sampler clips. */
  readonly clip: Clip;
  /** What its own sampler adds in a step. */
  readonly variance: Variance;
  /** The times that its own sampler visits in this many steps, and where it ends. */
  readonly times: (steps: number) => readonly number[];
}

const FILE = "scheduler_config.json";

/** One class of scheduler. */
interface Kind {
  readonly spacing: string;
  readonly clip: Clip;
  readonly betaSchedules: readonly string[];
  readonly only: Readonly<Record<string, readonly unknown[]>>;
  /** Keys that it passes over: those of the scheduler that its config was made from. */
  readonly passedOver: readonly string[];
  /** Into how many pieces it divides the timesteps for `steps` steps; it leaves out those it does not need. */
  readonly pieces: (steps: number) => number;
  /**
   * Whether a step goes to the next timestep, and the last to clean data. Otherwise each goes one stride down, which is
   * the next timestep only where these lie evenly.
   */
  readonly toNext: boolean;
}

const BETAS = ["linear", "scaled_linear", "squaredcos_cap_v2"];
const ALL = { thresholding: [false], timestep_values: [null] };
/** The deviations that DDPMScheduler adds; of "fixed_large_log" it takes a logarithm's root, which is no number. */
const VARIANCES: Readonly<Record<string, Variance>> = {
  fixed_small: "small",
  fixed_small_log: "small",
  fixed_large: "large",
};
const OFF = [false, null];

const KINDS: Readonly<Record<string, Kind>> = {
  DDIMScheduler: {
    spacing: "leading",
    clip: "x0",
    betaSchedules: BETAS,
    pieces: (steps) => steps,
    toNext: false,
    passedOver: ["variance_type"],
    only: ALL,
  },
  DDPMScheduler: {
    spacing: "leading",
    clip: true,
    betaSchedules: [...BETAS, "sigmoid"],
    pieces: (steps) => steps,
    toNext: true,
    passedOver: ["set_alpha_to_one"],
    only: ALL,
  },
  DPMSolverMultistepScheduler: {
    spacing: "linspace",
    clip: false,
    betaSchedules: BETAS,
    pieces: (steps) => steps + 1,
    toNext: true,
    passedOver: ["clip_sample", "clip_sample_range", "set_alpha_to_one"],
    only: {
      ...ALL,
      solver_order: [2],
      algorithm_type: ["dpmsolver++", "deis"], // which it takes for dpmsolver++
      solver_type: ["midpoint", "logrho", "bh1", "bh2"], // which it takes for midpoint
      lower_order_final: [true, false], // of order 2, a last step to clean data is of first order
      euler_at_final: [true, false],
      final_sigmas_type: ["zero"],
      lambda_min_clipped: [null],
      rescale_betas_zero_snr: OFF, // its table then rises again at the end
      use_karras_sigmas: OFF,
      use_exponential_sigmas: OFF,
      use_beta_sigmas: OFF,
      use_lu_lambdas: OFF,
      use_flow_sigmas: OFF,
      use_dynamic_shifting: OFF,
      variance_type: [null],
    },
  },
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
  const kind = oneOf(KINDS, name, "a scheduler");
  const values = complete(config, {
    file: FILE,
    defaults: defaultsOf(name, kind),
    only: kind.only,
    harmless: [...HARMLESS, ...kind.passedOver],
  });
  const { clip_sample_range: range = 1 } = values;
  const unclipped = values.clip_sample !== true;
  check(unclipped || range === 1, READ, `"clip_sample_range" in ${FILE} to be 1`, range);
  const timesteps = values.num_train_timesteps;
  checkPositiveInteger(timesteps, READ, "num_train_timesteps");
  check(timesteps <= MOST.steps, READ, `num_train_timesteps of at most ${MOST.steps}`, timesteps);
  const cumulative = cumulativeProducts(betasOf(values, timesteps, kind));
  const alphaBars = values.rescale_betas_zero_snr === true ? rescaled(cumulative) : cumulative;
  return {
    schedule: tableSchedule([values.set_alpha_to_one === false ? alphaBars[0]! : 1, ...alphaBars]),
    predictionType: oneOf(PREDICTIONS, values.prediction_type, "prediction_type"),
    timesteps,
    clip: values.clip_sample === true ? kind.clip : false,
    variance: varianceOf(values.variance_type),
    times: (steps) => timesOf(values, kind, timesteps, steps),
  };
}

function defaultsOf(name: unknown, { spacing }: Kind): DiffusersConfig {
  return {
    num_train_timesteps: 1000,
    beta_start: 0.0001,
    beta_end: 0.02,
    beta_schedule: "linear",
    trained_betas: null,
    prediction_type: "epsilon",
    timestep_spacing: spacing,
    steps_offset: 0,
    ...(name === "DPMSolverMultistepScheduler" ? {} : CLIPPED),
    ...(name === "DDIMScheduler" ? { set_alpha_to_one: true } : {}),
    ...(name === "DDPMScheduler" ? { variance_type: "fixed_small" } : {}),
  };
}

const CLIPPED = { clip_sample: true, clip_sample_range: 1, rescale_betas_zero_snr: false };

function varianceOf(type: unknown): Variance {
  return type === undefined ? "small" : oneOf(VARIANCES, type, "variance_type"); // DDIM's is small, with any eta
}

const PREDICTIONS: Readonly<Record<string, PredictionType>> = {
  epsilon: "eps",
  sample: "x0",
  v_prediction: "v",
};

/** What `values` has under a name that a file gives, or an error with the names that it may give. */
function oneOf<T>(values: Readonly<Record<string, T>>, name: unknown, what: string): T {
  const known = typeof name === "string" && Object.hasOwn(values, name);
  return known ? values[name]! : fail(READ, `${what} among ${Object.keys(values).join(", ")}`, name);
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
      return cosineBetas(count);
  }
}

/** Nichol & Dhariwal 2021, eq. 17, with betas of at most 0.999. */
function cosineBetas(count: number): number[] {
  const f = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Array.from({ length: count }, (_, i) => Math.min(0.999, 1 - f((i + 1) / count) / f(i / count)));
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
  const kept = timestepsOf(values, timesteps, kind.pieces(steps), steps).slice(0, steps);
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
      return linspace(0, count - 1, pieces)
        .map(roundHalfEven)
        .reverse();
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

function linspace(from: number, to: number, count: number): number[] {
  const step = (to - from) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 && i > 0 ? to : from + i * step));
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
