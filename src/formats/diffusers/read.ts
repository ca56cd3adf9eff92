import { MOST } from "../../bounds.js";
import { check, checkNamed } from "../../check.js";
import { denoiser } from "../../models/denoiser.js";
import type { Unet } from "../../models/unet.js";
import type { Clip } from "../../prediction/predict.js";
import type { NoiseSchedule } from "../../schedules/schedule.js";
import type { Denoiser, Params } from "../../types.js";
import { bytesOf, textIn } from "../bytes.js";
import { parseConfig, READ } from "./config.js";
import { chooseFiles, CONFIGS, SCHEDULERS, type Choice, type ChosenFiles } from "./files.js";
import { readScheduler } from "./scheduler.js";
import { readUnetConfig, readUnetWeights } from "./unet.js";
import type { StateDict, StoredTensor } from "../state-dict.js";
import { decodeSafetensors } from "../safetensors/safetensors.js";
import { readTorchCheckpoint } from "../torch/checkpoint.js";
import { checkStateDict } from "../torch/layout.js";

/** A diffusion model that diffusers stored. */
export interface DiffusersModel {
  /** Ready to sample from and to distil. */
  readonly denoiser: Denoiser;
  /**
   * Time t is diffusers' timestep t * N - 1, of N; t = 0 is where its samplers end. Of a flow, timestep u * N is at the time t
   * that `shift` moves to u.
   */
  readonly schedule: NoiseSchedule;
  /** The times that the folder's own scheduler visits in this many steps, for a sampler's `times`. */
  readonly times: (steps: number) => readonly number[];
  /** What the folder's own scheduler clips, for a sampler's `clip`. */
  readonly clip: Clip;
  readonly network: Unet;
  /** The weights, new variables; the caller disposes them. */
  readonly params: Params;
  /** The size of the images, [height, width] where they differ, if the folder tells. */
  readonly size: number | readonly [height: number, width: number] | undefined;
}

/**
 * The files of a folder that {@link diffusersFromFiles} may need, the better of two that hold the same first. Weights in
 * several files, or of a variant (`.fp16.`), have other names.
 */
export const DIFFUSERS_FILES: readonly string[] = [
  ...CONFIGS,
  ...SCHEDULERS,
  ...["unet/", ""].flatMap((folder) =>
    [".safetensors", ".bin"].map((ending) => `${folder}diffusion_pytorch_model${ending}`),
  ),
];

/**
 * Reads a model of diffusers: a pipeline's folder (`unet/`, `scheduler/`) or that of a UNet2DModel alone with its
 * `scheduler_config.json` beside it. Schedulers: DDPM, DDIM, DPM-Solver++(2M), Euler and Heun; of flows, Euler. For pages,
 * which fetch the files; in Node `loadDiffusers` of `cfd-distill/node` reads the folder.
 *
 * @param files the folder's files by their paths within it: those of {@link DIFFUSERS_FILES} that there are; or weights in
 *   several files with their index (`diffusion_pytorch_model.safetensors.index.json`), or of one variant. Others are
 *   ignored, as are Git LFS pointers where other weights are there
 * @returns the model. Its scheduler's own results come from `sampleDdim`, `sampleAncestral` or `sampleDpmSolver2M` with
 *   `{ times: times(steps), clip }`; diffusers' ancestral noise is another, of the deviation that the denoiser says. Where
 *   `timestep_spacing` does not divide the timesteps evenly, its DDIM goes to other times than it visits: `times` refuses
 *   that, and `sampleDdim` takes times of your own. Euler's method, on either kind of model, is `sampleDdim`; where variance is
 *   preserved diffusers starts it from noise times sigma, unless its spacing is "leading". `sampleHeun` steps in the angle,
 *   Heun of diffusers in sigma / alpha: the same order, other images
 * @throws if a file is missing, damaged, or none (a page, a Git LFS pointer), if an entry stands in two files or an index
 *   names other places, or for any block, option or scheduler that is not supported, by its name
 * @see https://github.com/huggingface/diffusers, src/diffusers/models/unets/unet_2d.py and src/diffusers/schedulers
 * @example
 * ```ts
 * import { disposeParams, noise, sampleDdim } from "cfd-distill";
 * import { DIFFUSERS_FILES, diffusersFromFiles } from "cfd-distill/formats";
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
  checkNamed(files, READ, "files by their paths in the folder");
  const read: Record<string, Uint8Array> = {};
  const chosen = answered(chooseFiles(Object.keys(files)), (name) => {
    return (read[name] = bytesOf(`${READ} (${name})`, files[name]));
  });
  const unetConfig = parseConfig(read[chosen.config]!, chosen.config);
  const schedulerConfig = parseConfig(read[chosen.scheduler]!, chosen.scheduler);
  const { predictionType, seen, variance, schedule, ...scheduler } = readScheduler(schedulerConfig);
  const { network, cosineFirst } = readUnetConfig(unetConfig, seen);
  const size = sizeOf(unetConfig.sample_size);
  const params = readUnetWeights(network.config, readWeights(read, chosen), cosineFirst);
  return {
    denoiser: Object.assign(denoiser(network, params, predictionType, { schedule }), { variance }),
    schedule,
    ...scheduler,
    network,
    params,
    size,
  };
}

function answered<T>(choice: Choice<T>, bytesOf: (name: string) => Uint8Array): T {
  let step = choice.next();
  while (step.done !== true) step = choice.next(bytesOf(step.value));
  return step.value;
}

function sizeOf(value: unknown): DiffusersModel["size"] {
  if (value === undefined || value === null) return undefined;
  const sides: unknown[] = Array.isArray(value) ? value : [value, value];
  const isSize = (side: unknown) => Number.isInteger(side) && (side as number) >= 1;
  const sized = sides.length === 2 && sides.every(isSize);
  check(sized, READ, "sample_size to be a size, or a height and a width", value);
  const [height, width] = sides as [number, number];
  check(height * width <= MOST.pixels, READ, `a sample_size of at most ${MOST.pixels} pixels`, value);
  return height === width ? height : [height, width];
}

function readWeights(
  files: Readonly<Record<string, Uint8Array>>,
  { weights, places }: ChosenFiles,
): StateDict {
  const whole = new Map<string, StoredTensor>();
  for (const file of weights) {
    for (const [name, tensor] of Object.entries(readEntries(files[file]!, file))) {
      check(!whole.has(name), READ, `"${name}" in one file`, `two, ${file} and another`);
      const place = places?.get(name) ?? (places === undefined ? file : "no file");
      check(place === file, READ, `"${name}" in ${place}, as the index says`, file);
      whole.set(name, tensor);
    }
  }
  const missing = [...(places?.keys() ?? [])].find((name) => !whole.has(name));
  check(missing === undefined, READ, `"${missing}" in ${places?.get(missing ?? "")}`, "a file without it");
  return Object.fromEntries(whole);
}

function readEntries(bytes: Uint8Array, file: string): StateDict {
  const other = textIn(bytes);
  check(other === undefined, READ, `weights in ${file}`, other);
  if (file.endsWith(".safetensors")) return decodeSafetensors(bytes);
  const stateDict = readTorchCheckpoint(bytes);
  const isDict = typeof stateDict === "object" && stateDict !== null && !Array.isArray(stateDict);
  check(isDict, READ, `${file} to hold a state dict`, typeof stateDict);
  checkStateDict(Object.entries(stateDict), READ);
  return stateDict as StateDict;
}
