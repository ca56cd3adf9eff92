import { fail } from "../check.js";
import {
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type DecodedCheckpoint,
  type DecodedNetwork,
  type EncodeOptions,
  type NetworkCheckpoint,
} from "../training/checkpoint/checkpoint.js";
import { writeFileAtomic } from "./atomic.js";
import { readWhole } from "./read-whole.js";

/**
 * Saves a checkpoint; whatever happens meanwhile, `path` holds the previous checkpoint or the new one, whole.
 *
 * @param path where to write; the folder must exist
 * @param checkpoint what `encodeCheckpoint` takes; its tensors are read before the first wait, so training may go on
 * @param options `dtype` as `encodeCheckpoint` takes it
 * @throws (rejects) if the checkpoint is not valid or cannot be written; then `path` is as it was
 * @example
 * ```ts
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { cosineSchedule, createRng, disposeParams, unet } from "cfd-distill";
 * import { loadCheckpoint, saveCheckpoint } from "cfd-distill/node";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * const path = join(folder, "teacher.safetensors");
 * await saveCheckpoint(path, { network, params, schedule: cosineSchedule(), predictionType: "x0", steps: 8 });
 * const again = await loadCheckpoint(path);
 * console.log(again.steps); // 8
 * await rm(folder, { recursive: true });
 * disposeParams(params);
 * disposeParams(again.params);
 * ```
 */
export async function saveCheckpoint(
  path: string,
  checkpoint: Checkpoint | NetworkCheckpoint,
  options: EncodeOptions = {},
): Promise<void> {
  await writeFileAtomic(path, await encodeCheckpoint(checkpoint, options));
}

/**
 * Reads a diffusion model's checkpoint that {@link saveCheckpoint} wrote.
 *
 * @param path the file
 * @returns what `decodeCheckpoint` returns; the caller disposes `params` and `ema`
 * @throws (rejects) if the file is missing, empty, truncated, larger than 4 GiB, or not such a checkpoint
 * @example
 * ```ts
 * import { loadCheckpoint } from "cfd-distill/node";
 * const message = await loadCheckpoint("no-such-file").catch((error: Error) => error.message);
 * console.log(message); // loadCheckpoint: expected a checkpoint at no-such-file, got ENOENT: ...
 * ```
 */
export async function loadCheckpoint(path: string): Promise<DecodedCheckpoint> {
  return load(path, "loadCheckpoint", decodeCheckpoint);
}

/**
 * Reads the checkpoint of any network, e.g. of a classifier, that {@link saveCheckpoint} wrote.
 *
 * @param path the file
 * @returns what `decodeNetworkCheckpoint` returns; the caller disposes `params` and `ema`
 * @throws (rejects) if the file is missing, empty, truncated, larger than 4 GiB, or not a checkpoint
 * @example
 * ```ts
 * import { loadNetworkCheckpoint } from "cfd-distill/node";
 * const message = await loadNetworkCheckpoint("no-such-file").catch((error: Error) => error.message);
 * console.log(message); // loadNetworkCheckpoint: expected a checkpoint at no-such-file, got ENOENT: ...
 * ```
 */
export async function loadNetworkCheckpoint(path: string): Promise<DecodedNetwork> {
  return load(path, "loadNetworkCheckpoint", decodeNetworkCheckpoint);
}

/** Errors of reading and of decoding alike say which file it was. */
async function load<T>(path: string, where: string, decode: (bytes: Uint8Array) => T): Promise<T> {
  try {
    const bytes = await readWhole(path, where);
    return bytes.length > 0 ? decode(bytes) : fail(where, "a whole file", "an empty one");
  } catch (error) {
    return fail(where, `a checkpoint at ${path}`, error instanceof Error ? error.message : error);
  }
}
