import { MOST } from "../../bounds.js";
import { check, checkPositiveInteger } from "../../check.js";
import type { Unet } from "../../models/unet.js";
import { shiftedTime } from "../../schedules/flow.js";
import type { NoiseSchedule } from "../../schedules/schedule.js";
import type { PredictionType } from "../../types.js";

export const WRITE = "encodeDiffusers";

const PREDICTIONS: Readonly<Partial<Record<PredictionType, string>>> = {
  eps: "epsilon",
  x0: "sample",
  v: "v_prediction",
};

/** What a scheduler is written of. */
interface SchedulerInput {
  readonly network: Pick<Unet, "config">;
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  readonly steps: number;
}

/** The scheduler's config. */
export function writeScheduler(input: SchedulerInput): { readonly _class_name: string } {
  const { config } = input.schedule as Partial<NoiseSchedule>; // which a schedule of the caller's may lack
  if (config?.type === "flow") return writeFlow(input, config.shift);
  const preserves = input.schedule.alphaSigma === undefined;
  check(preserves, WRITE, "a schedule that preserves variance, or a flowSchedule", config);
  return writeBetas(input);
}

/** Timestep i, from 0, is position i of the network, at the time where it sees that. */
function writeBetas({ network, schedule, predictionType, steps }: SchedulerInput) {
  const { timeScale, timeOffset, timeShift } = network.config;
  const known = typeof predictionType === "string" && Object.hasOwn(PREDICTIONS, predictionType);
  check(known, WRITE, `a predictionType among ${Object.keys(PREDICTIONS).join(", ")}`, predictionType);
  checkPositiveInteger(timeScale, WRITE, "timeScale");
  check(timeShift === undefined, WRITE, "no timeShift, unless the schedule is a flow", timeShift);
  check(timeOffset === 0 || timeOffset === -1, WRITE, "a timeOffset of 0 or -1", timeOffset);
  checkPositiveInteger(steps, WRITE, "steps");
  check(timeScale % steps === 0, WRITE, `steps that divide the timeScale, ${timeScale}`, steps);
  const count = timeScale + timeOffset + 1;
  check(count <= MOST.steps, WRITE, `at most ${MOST.steps} timesteps`, count);
  const alphaBars = Array.from({ length: count }, (_, i) => schedule.alphaBar((i - timeOffset) / timeScale));
  const last = schedule.alphaBar(0);
  const ends = last === 1 || last === alphaBars[0];
  check(ends, WRITE, "a schedule whose alphaBar(0) is 1 or that of the first timestep", last);
  const betas = alphaBars.map((alphaBar, i) => 1 - alphaBar / (alphaBars[i - 1] ?? 1));
  const bad = betas.findIndex((beta) => !(beta >= 0 && beta <= 1));
  check(bad === -1, WRITE, "a schedule whose alphaBar falls, to 0 at its end alone", alphaBars[bad]);
  return {
    _class_name: "DDIMScheduler",
    num_train_timesteps: count,
    trained_betas: betas,
    prediction_type: PREDICTIONS[predictionType],
    clip_sample: true,
    clip_sample_range: 1,
    thresholding: false,
    set_alpha_to_one: last === 1,
    // From timeScale / steps upwards in strides of as much, moved by the offset.
    timestep_spacing: "leading",
    steps_offset: timeScale / steps + timeOffset,
    rescale_betas_zero_snr: false,
  };
}

/** Its network sees u times the timesteps of its training. Its first timestep, and by `shift_terminal` its last, are ours. */
function writeFlow({ network, predictionType, steps }: SchedulerInput, shift: number) {
  const { timeScale, timeOffset, timeShift = 1 } = network.config;
  check(predictionType === "flow", WRITE, 'predictionType "flow", with a flow', predictionType);
  checkPositiveInteger(timeScale, WRITE, "timeScale");
  check(timeScale <= MOST.steps, WRITE, `at most ${MOST.steps} timesteps`, timeScale);
  check(timeOffset === 0, WRITE, "a timeOffset of 0, with a flow", timeOffset);
  const expected = `a network of timeShift ${shift}, the flow's shift, as diffusers' sees its u`;
  check(timeShift === shift, WRITE, expected, timeShift);
  checkPositiveInteger(steps, WRITE, "steps");
  const even = shift === 1 ? steps <= timeScale : steps <= 2;
  const most =
    shift === 1 ? `${timeScale} steps, its timesteps` : "2 steps with a shift, as diffusers' own are others";
  check(even, WRITE, `at most ${most}`, steps);
  return {
    _class_name: "FlowMatchEulerDiscreteScheduler",
    num_train_timesteps: timeScale,
    shift,
    // Between the first time, 1, and this they lie evenly.
    shift_terminal: steps === 1 ? null : shiftedTime(1 / steps, shift),
    use_dynamic_shifting: false,
  };
}
