import { MOST } from "../../bounds.js";
import { check, checkPositiveInteger, isNumber } from "../../check.js";
import { flowSchedule, shiftedTime } from "../../schedules/flow.js";
import { complete, READ, type DiffusersConfig } from "./config.js";
import { linspace, OFF, SCHEDULER, type DiffusersScheduler } from "./scheduling.js";

// FlowMatchEulerDiscreteScheduler (huggingface/diffusers, src/diffusers/schedulers): its sigma is the flow's u, and its
// network sees u times the timesteps of its training.

/** Its class. */
export const FLOW_SCHEDULER = "FlowMatchEulerDiscreteScheduler";

/** Those of dynamic shifting, which is off. */
const HARMLESS = ["base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type"];

const ONLY = {
  use_dynamic_shifting: OFF,
  invert_sigmas: OFF,
  use_karras_sigmas: OFF,
  use_exponential_sigmas: OFF,
  use_beta_sigmas: OFF,
  stochastic_sampling: OFF,
};

/** Reads its config; refuses, by name, what is not supported. */
export function readFlowScheduler(config: DiffusersConfig): DiffusersScheduler {
  const values = complete(config, {
    file: SCHEDULER,
    defaults: { num_train_timesteps: 1000, shift: 1, shift_terminal: null },
    only: ONLY,
    harmless: HARMLESS,
  });
  const { num_train_timesteps: timesteps, shift, shift_terminal: terminal } = values;
  checkPositiveInteger(timesteps, READ, "num_train_timesteps");
  check(timesteps <= MOST.steps, READ, `num_train_timesteps of at most ${MOST.steps}`, timesteps);
  check(isNumber(shift) && shift > 0, READ, `"shift" in ${SCHEDULER} to be more than 0`, shift);
  const ends = terminal === null || terminal === 0 || (isNumber(terminal, 0) && terminal < 1);
  check(ends, READ, `"shift_terminal" in ${SCHEDULER} to be null or a number below 1`, terminal);
  return {
    schedule: flowSchedule({ shift }),
    predictionType: "flow",
    seen: { timeScale: timesteps, timeOffset: 0, ...(shift === 1 ? {} : { timeShift: shift }) },
    clip: false,
    variance: "small",
    times: (steps) => timesOf({ timesteps, shift, terminal: terminal === 0 ? null : terminal }, steps),
  };
}

interface Settings {
  readonly timesteps: number;
  readonly shift: number;
  /** The last u but 0. */
  readonly terminal: number | null;
}

/**
 * The times at which u is its own sampler's: evenly spread from 1 to that of its first timestep, which is shifted, shifted
 * again, stretched to end at `terminal`, and 0.
 */
function timesOf({ timesteps, shift, terminal }: Settings, steps: number): readonly number[] {
  checkPositiveInteger(steps, READ, "times: steps");
  check(steps <= MOST.steps, READ, `times: at most ${MOST.steps} steps`, steps);
  const even = linspace(1, shiftedTime(1 / timesteps, shift), steps);
  const shifted = even.map((u) => shiftedTime(u, shift));
  const stretch = terminal === null ? 1 : (1 - terminal) / (1 - shifted.at(-1)!);
  const times = [...shifted.map((u) => shiftedTime(1 - stretch * (1 - u), 1 / shift)), 0];
  const valid = times.every((t, i) => t >= 0 && t <= 1 && (i === 0 || t < times[i - 1]!));
  check(valid, READ, `times: ${steps} steps that this scheduler can take`, times);
  return times;
}
