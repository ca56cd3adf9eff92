import type { Clip } from "../../prediction/predict.js";
import type { DiffusersConfig } from "./config.js";
import { OFF } from "./scheduling.js";

/** One class of scheduler. */
export interface Kind {
  /** Its own values of keys that its file lacks. */
  readonly defaults: DiffusersConfig;
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
  /** Whether it goes between timesteps where they are not whole, along lines that a table has not. */
  readonly fractional: boolean;
}

const BETAS = ["linear", "scaled_linear", "squaredcos_cap_v2"];
const CLIPPED = { clip_sample: true, clip_sample_range: 1, rescale_betas_zero_snr: false };
const ALL = { thresholding: [false], timestep_values: [null] };
/** Those that step in sigma / alpha (Karras et al. 2022, arXiv 2206.00364), from timestep to timestep and to clean data. */
const KARRAS = {
  betaSchedules: BETAS,
  pieces: (steps: number) => steps,
  toNext: true,
  fractional: true,
  passedOver: ["set_alpha_to_one", "variance_type", "thresholding"],
  only: {
    timestep_values: [null],
    use_karras_sigmas: OFF,
    use_exponential_sigmas: OFF,
    use_beta_sigmas: OFF,
  },
};

export const KINDS: Readonly<Record<string, Kind>> = {
  DDIMScheduler: {
    defaults: { timestep_spacing: "leading", ...CLIPPED, set_alpha_to_one: true },
    clip: "x0",
    betaSchedules: BETAS,
    pieces: (steps) => steps,
    toNext: false,
    fractional: false,
    passedOver: ["variance_type"],
    only: ALL,
  },
  DDPMScheduler: {
    defaults: { timestep_spacing: "leading", ...CLIPPED, variance_type: "fixed_small" },
    clip: true,
    betaSchedules: [...BETAS, "sigmoid"],
    pieces: (steps) => steps,
    toNext: true,
    fractional: false,
    passedOver: ["set_alpha_to_one"],
    only: ALL,
  },
  DPMSolverMultistepScheduler: {
    defaults: { timestep_spacing: "linspace" },
    clip: false,
    betaSchedules: BETAS,
    pieces: (steps) => steps + 1,
    toNext: true,
    fractional: false,
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
  EulerDiscreteScheduler: {
    ...KARRAS,
    defaults: { timestep_spacing: "linspace" },
    clip: false,
    passedOver: [...KARRAS.passedOver, "clip_sample", "clip_sample_range"],
    only: {
      ...KARRAS.only,
      interpolation_type: ["linear"],
      timestep_type: ["discrete"],
      final_sigmas_type: ["zero"],
      rescale_betas_zero_snr: OFF, // its last alpha is then another
      sigma_min: [null],
      sigma_max: [null],
    },
  },
  HeunDiscreteScheduler: {
    ...KARRAS,
    defaults: {
      ...{ timestep_spacing: "linspace", beta_start: 0.00085, beta_end: 0.012 },
      ...{ clip_sample: false, clip_sample_range: 1 },
    },
    clip: true,
    passedOver: [...KARRAS.passedOver, "rescale_betas_zero_snr"],
  },
};
