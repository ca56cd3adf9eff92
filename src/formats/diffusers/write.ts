import { check, checkNamed, checkPositiveInteger } from "../../check.js";
import type { UnetConfig } from "../../models/unet-config.js";
import { unetSpecs } from "../../models/unet-plan.js";
import type { Unet } from "../../models/unet.js";
import type { NoiseSchedule } from "../../schedules/schedule.js";
import type { Params, PredictionType } from "../../types.js";
import { WRITE, writeScheduler } from "./write-scheduler.js";
import { writeUnetConfig, writeUnetWeights } from "./unet.js";
import { encodeSafetensors } from "../safetensors/safetensors.js";
import { checkTensors } from "../torch/layout.js";

/** What {@link encodeDiffusers} writes. */
export interface DiffusersInput {
  /** A U-Net whose `timeScale` is an integer, with a `timeOffset` of 0 or -1; of a flow 0, with its `timeShift`. */
  readonly network: Pick<Unet, "config">;
  readonly params: Params;
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
  /** In how many steps it is to be sampled; they divide `timeScale`, unless it is a flow. */
  readonly steps: number;
  /** Height and width of the images, or [height, width]. */
  readonly size: number | readonly [height: number, width: number];
}

/**
 * Writes a DDIM pipeline of diffusers: `DDIMPipeline.from_pretrained(folder)`, called with
 * `num_inference_steps=steps`, visits the times of `sampleDdim(..., { steps })`. Its scheduler clips x0 and keeps eps
 * (`clip: "x0"` here); with `use_clipped_model_output=True` it does what this library does by default. A flow becomes a
 * `DDPMPipeline`, which takes any scheduler, with FlowMatchEulerDiscreteScheduler, which clips nothing.
 *
 * @param input the model; unchanged
 * @returns a promise of the files by their paths: `model_index.json`, `unet/config.json`,
 *   `unet/diffusion_pytorch_model.safetensors` (float32) and `scheduler/scheduler_config.json`, which holds the
 *   schedule as betas, or a flow's shift
 * @throws (rejects) if the network is not a U-Net or its first multiplier is not 1, `params` are not its own, its times
 *   are not whole timesteps, `steps` does not divide them, its levels cannot halve `size`, or the schedule rises, or
 *   starts at an alpha that diffusers cannot end at; of a flow, if it is not predicted, the network does not see its u, or
 *   diffusers' `steps` are others, which with a shift more than 2 are
 * @see https://github.com/huggingface/diffusers, src/diffusers/schedulers: scheduling_ddim.py,
 *   scheduling_flow_match_euler_discrete.py
 * @example
 * ```ts
 * import { createRng, discreteCosineSchedule, disposeParams, unet } from "cfd-distill";
 * import { encodeDiffusers } from "cfd-distill/formats";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const schedule = discreteCosineSchedule(8);
 * const files = await encodeDiffusers({ network, params, schedule, predictionType: "x0", steps: 4, size: 8 });
 * console.log(Object.keys(files)); // model_index.json, unet/config.json, ...
 * disposeParams(params);
 * ```
 */
export async function encodeDiffusers(input: DiffusersInput): Promise<Record<string, Uint8Array>> {
  checkNamed(input, WRITE, "a network with what it was trained for");
  const { network, params, size } = input;
  check(network?.config?.type === "unet", WRITE, "a U-Net", network?.config);
  checkReadable(network.config, size);
  checkTensors(params, unetSpecs(network.config), WRITE);
  const scheduler = writeScheduler(input);
  const weights = await writeUnetWeights(network.config, params);
  return {
    "unet/config.json": json(writeUnetConfig(network.config, size)),
    "unet/diffusion_pytorch_model.safetensors": encodeSafetensors(weights, { format: "pt" }),
    "scheduler/scheduler_config.json": json(scheduler),
    "model_index.json": json({
      _class_name: scheduler._class_name === "DDIMScheduler" ? "DDIMPipeline" : "DDPMPipeline",
      scheduler: ["diffusers", scheduler._class_name],
      unet: ["diffusers", "UNet2DModel"],
    }),
  };
}

/** What diffusers' U-Net takes, and this library reads: its first level is as wide as what comes before it. */
function checkReadable({ multipliers }: UnetConfig, size: DiffusersInput["size"]): void {
  const [first] = multipliers;
  check(first === 1, WRITE, "a network whose first multiplier is 1, as diffusers has no other", first);
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size, size];
  check(sides.length === 2, WRITE, "size to be a number, or [height, width]", size);
  const unit = 2 ** (multipliers.length - 1);
  for (const side of sides) {
    checkPositiveInteger(side, WRITE, "size");
    check(
      side % unit === 0,
      WRITE,
      `sizes that ${multipliers.length} levels can halve, multiples of ${unit}`,
      side,
    );
  }
}

const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
