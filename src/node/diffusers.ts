import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { check, fail } from "../check.js";
import { encodeDiffusers, type DiffusersInput } from "../formats/diffusers/write.js";
import { chooseFiles } from "../formats/diffusers/files.js";
import { diffusersFromFiles, type DiffusersModel } from "../formats/diffusers/read.js";
import { writeFileAtomic } from "./atomic.js";
import { readWhole } from "./read-whole.js";

/**
 * Reads a folder that diffusers saved: a pipeline or a UNet2DModel with its scheduler, see `diffusersFromFiles`.
 *
 * @param directory the folder
 * @returns the model: `sampleDdim(denoiser, schedule, zT, { times: times(50), clip })` samples from it, and it serves as
 *   a teacher; the caller disposes `params`
 * @throws (rejects) if there is no such folder, a file is larger than 4 GiB, or for what `diffusersFromFiles` refuses
 * @example
 * ```ts
 * import { disposeParams, noise, sampleDdim } from "cfd-distill";
 * import { loadDiffusers } from "cfd-distill/node";
 * const { denoiser, schedule, times, clip, params } = await loadDiffusers("ddpm-cifar10-32");
 * const zT = noise([1, 2], [32, 32, 3]);
 * const images = await sampleDdim(denoiser, schedule, zT, { times: times(10), clip });
 * zT.dispose();
 * images.dispose();
 * disposeParams(params);
 * ```
 */
export async function loadDiffusers(directory: string): Promise<DiffusersModel> {
  check(typeof directory === "string", LOAD, "the path of a folder", directory);
  const names = (await Promise.all(FOLDERS.map((folder) => namesIn(directory, folder)))).flat();
  if (!names.some((name) => name.endsWith("config.json")))
    fail(LOAD, "a folder of diffusers, with a config.json", directory);
  const files: Record<string, Uint8Array> = {};
  const choice = chooseFiles(names);
  for (let step = choice.next(); step.done !== true;) {
    const bytes = await fileIn(directory, step.value);
    files[step.value] = bytes;
    step = choice.next(bytes);
  }
  return diffusersFromFiles(files);
}

/** A file's bytes. The system's own errors (a broken link, no permission) are said in our words. */
async function fileIn(directory: string, name: string): Promise<Uint8Array> {
  const path = join(directory, name);
  try {
    return await readWhole(path, LOAD);
  } catch (error) {
    if ("code" in (error as NodeJS.ErrnoException)) fail(LOAD, `a file at ${path}`, (error as Error).message);
    throw error;
  }
}

const LOAD = "loadDiffusers";
/** Where the files of a pipeline, or of a network alone, lie. */
const FOLDERS = ["", "unet/", "scheduler/"];

/** The files in a part of the folder, by their paths in the folder; none if there is no such part. */
async function namesIn(directory: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(join(directory, folder), { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => `${folder}${name}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    return fail(LOAD, `a folder at ${directory}`, (error as Error).message);
  }
}

/**
 * Writes a folder that `DDIMPipeline.from_pretrained` of diffusers loads, see `encodeDiffusers`. Each file is whole or
 * not there; `model_index.json`, which makes the folder a pipeline, comes last.
 *
 * @param directory the folder; made if it is not there
 * @param input the model, as `encodeDiffusers` takes it
 * @throws (rejects) for what `encodeDiffusers` refuses, before anything is written, or if the disk refuses
 * @example
 * ```ts
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { createRng, discreteCosineSchedule, disposeParams, unet } from "cfd-distill";
 * import { loadDiffusers, saveDiffusers } from "cfd-distill/node";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * const schedule = discreteCosineSchedule(8);
 * await saveDiffusers(folder, { network, params, schedule, predictionType: "x0", steps: 4, size: 8 });
 * const again = await loadDiffusers(folder);
 * console.log(again.denoiser.predictionType); // x0
 * await rm(folder, { recursive: true });
 * disposeParams(params);
 * disposeParams(again.params);
 * ```
 */
export async function saveDiffusers(directory: string, input: DiffusersInput): Promise<void> {
  const files = await encodeDiffusers(input);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFileAtomic(join(directory, path), bytes);
  }
}
