// The checkpoints in a run's folder: each says which stage of which run it is of, and is used as nothing else.
import { createHash } from "node:crypto";
import { disposeParams, type NetworkCheckpoint } from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "cfd-distill/node";
import { flatten, type RecipeConfig } from "../config/schema.js";
import { checkpointPath, type Place } from "./setup.js";

type Kept = Parameters<typeof saveCheckpoint>[1];

/** Saves the checkpoint of a stage. */
export async function keep(place: Place, stage: string, checkpoint: Kept): Promise<void> {
  const belongs = { stage, extra: { settings: settingsHash(place.config) } };
  await saveCheckpoint(checkpointPath(place, stage), { ...checkpoint, ...belongs });
}

/** The network of a stage, with all that its checkpoint holds; the caller disposes `params` and `ema`. */
export function openKept(place: Place, stage: string) {
  return opened(place, stage, loadNetworkCheckpoint);
}

/** The same of a diffusion model. */
export function openKeptModel(place: Place, stage: string) {
  return opened(place, stage, loadCheckpoint);
}

/** Refuses what belongs to another stage, or to a run with other settings. */
async function opened<T extends NetworkCheckpoint>(
  place: Place,
  stage: string,
  load: (path: string) => Promise<T>,
): Promise<T> {
  const path = checkpointPath(place, stage);
  const kept = await load(path);
  const problem =
    kept.stage !== stage
      ? `the checkpoint of the stage ${stage}, got one of ${kept.stage ?? "no stage"}`
      : (kept.extra as { settings?: unknown } | null | undefined)?.settings !== settingsHash(place.config)
        ? `a checkpoint of this run, got one of other settings`
        : undefined;
  if (problem === undefined) return kept;
  disposeKept(kept);
  throw new Error(`${path}: expected ${problem}.`);
}

/** Frees the weights of a checkpoint. */
export function disposeKept({ params, ema }: NetworkCheckpoint): void {
  disposeParams(params);
  if (ema) disposeParams(ema);
}

/** The same for the same settings, in whatever order they stand. */
function settingsHash(config: RecipeConfig): string {
  const settings = flatten(config).map((entry) => JSON.stringify(entry));
  return createHash("sha256").update(settings.sort().join("\n")).digest("hex");
}
