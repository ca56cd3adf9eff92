import { check, fail } from "../check.js";
import { denoiser } from "../models/denoiser.js";
import type { Unet } from "../models/unet.js";
import type { Clip } from "../prediction.js";
import type { NoiseSchedule } from "../schedules/schedule.js";
import type { Denoiser, Params } from "../types.js";
import { parseConfig, READ, type DiffusersConfig } from "./diffusers-config.js";
import { readScheduler } from "./diffusers-scheduler.js";
import { readUnetConfig, readUnetWeights } from "./diffusers-unet.js";
import type { StateDict } from "./dtypes.js";
import { decodeSafetensors } from "./safetensors.js";
import { readTorchCheckpoint } from "./torch-checkpoint.js";
import { checkStateDict } from "./torch-layout.js";

/** A diffusion model that diffusers stored. */
export interface DiffusersModel {
  /** Ready to sample from and to distil. */
  readonly denoiser: Denoiser;
  /** Time t is diffusers' timestep t * N - 1, of N; t = 0 is where its samplers end. */
  readonly schedule: NoiseSchedule;
  /** The times that the folder's own scheduler visits in this many steps, for a sampler's `times`. */
  readonly times: (steps: number) => readonly number[];
  /** What the folder's own scheduler clips, for a sampler's `clip`. */
  readonly clip: Clip;
  readonly network: Unet;
  /** The weights, new variables; the caller disposes them. */
  readonly params: Params;
  /** Height and width of the images, if the folder tells. */
  readonly size: number | undefined;
}

/** The files of a folder that {@link diffusersFromFiles} may need, the better of two that hold the same first. */
export const DIFFUSERS_FILES: readonly string[] = [
  ...["unet/config.json", "config.json"],
  ...["scheduler/scheduler_config.json", "scheduler_config.json"],
  ...["unet/", ""].flatMap((folder) =>
    [".safetensors", ".bin"].map((ending) => `${folder}diffusion_pytorch_model${ending}`),
  ),
];

/**
 * Reads a model of diffusers: a pipeline's folder (`unet/`, `scheduler/`) or that of a UNet2DModel alone with its
 * `scheduler_config.json` beside it. Schedulers: DDPM, DDIM and DPM-Solver++(2M). For pages, which fetch the files;
 * in Node `loadDiffusers` of `cfd-distill/node` reads the folder.
 *
 * @param files the folder's files by their paths within it; those that are not among {@link DIFFUSERS_FILES} are ignored
 * @returns the model. Its scheduler's own results come from `sampleDdim`, `sampleAncestral` or `sampleDpmSolver2M` with
 *   `{ times: times(steps), clip }`; diffusers' ancestral noise is another, and where `timestep_spacing` does not
 *   divide the timesteps evenly its DDIM goes to other times than it visits, which this library does not imitate
 * @throws if a file is missing or damaged, or for any block, option or scheduler that is not supported, by its name
 * @see https://github.com/huggingface/diffusers, src/diffusers/models/unets/unet_2d.py and src/diffusers/schedulers
 * @example
 * ```ts
 * import { DIFFUSERS_FILES, diffusersFromFiles, disposeParams, noise, sampleDdim } from "cfd-distill";
 * const found = await Promise.all(DIFFUSERS_FILES.map((path) => fetch(`model/${path}`)));
 * const files = await Promise.all(
 *   DIFFUSERS_FILES.map(async (path, i) => [path, new Uint8Array(await found[i]!.arrayBuffer())] as const),
 * );
 * const model = diffusersFromFiles(Object.fromEntries(files.filter((_, i) => found[i]!.ok)));
 * const { denoiser, schedule, times, clip } = model;
 * const zT = noise([1, 2], [32, 32, 3]);
 * const images = await sampleDdim(denoiser, schedule, zT, { times: times(10), clip });
 * zT.dispose();
 * images.dispose();
 * disposeParams(model.params);
 * ```
 */
export function diffusersFromFiles(files: Readonly<Record<string, Uint8Array>>): DiffusersModel {
  const [configPath, unetConfig] = readConfig(files, ["unet/config.json", "config.json"]);
  const [, schedulerConfig] = readConfig(files, ["scheduler/scheduler_config.json", "scheduler_config.json"]);
  const { predictionType, timesteps, ...scheduler } = readScheduler(schedulerConfig);
  const { network, cosineFirst } = readUnetConfig(unetConfig, timesteps);
  const stateDict = readWeights(files, configPath.slice(0, -"config.json".length));
  const params = readUnetWeights(network.config, stateDict, cosineFirst);
  const { sample_size: size } = unetConfig;
  return {
    denoiser: denoiser(network, params, predictionType),
    ...scheduler,
    network,
    params,
    size: typeof size === "number" ? size : undefined,
  };
}

function readConfig(
  files: Readonly<Record<string, Uint8Array>>,
  paths: readonly string[],
): [path: string, config: DiffusersConfig] {
  const path = paths.find((candidate) => Object.hasOwn(files, candidate));
  if (path === undefined) fail(READ, `a file ${paths.join(" or ")}`, Object.keys(files));
  return [path, parseConfig(files[path]!, path)];
}

function readWeights(files: Readonly<Record<string, Uint8Array>>, folder: string): StateDict {
  const path = `${folder}diffusion_pytorch_model`;
  const { [`${path}.safetensors`]: safetensors, [`${path}.bin`]: pickled } = files;
  if (safetensors !== undefined) return decodeSafetensors(safetensors);
  if (pickled === undefined) fail(READ, `a file ${path}.safetensors or ${path}.bin`, Object.keys(files));
  const stateDict = readTorchCheckpoint(pickled);
  const isDict = typeof stateDict === "object" && stateDict !== null && !Array.isArray(stateDict);
  check(isDict, READ, `${path}.bin to hold a state dict`, typeof stateDict);
  checkStateDict(Object.entries(stateDict), READ);
  return stateDict as StateDict;
}
