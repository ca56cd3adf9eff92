// The checkpoints in a run's folder: each says which stage of which run it is of, and is used as nothing else.
import { createHash } from "node:crypto";
import { disposeParams, type NetworkCheckpoint } from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint, saveCheckpoint } from "cfd-distill/node";
import { flatten, type RecipeConfig } from "../config/schema.js";
import { checkpointPath, type Setup } from "./setup.js";

type Contents = Parameters<typeof saveCheckpoint>[1];

/** Saves the checkpoint of a stage. */
export async function saveStage(setup: Setup, stage: string, checkpoint: Contents): Promise<void> {
  const belongs = { stage, extra: { settings: settingsHash(setup.config) } };
  await saveCheckpoint(checkpointPath(setup, stage), { ...checkpoint, ...belongs });
}

/** The network of a stage, with all that its checkpoint holds; the caller disposes `params` and `ema`. */
export function loadStage(setup: Setup, stage: string) {
  return loadOwn(setup, stage, loadNetworkCheckpoint);
}

/** The same of a diffusion model. */
export function loadStageModel(setup: Setup, stage: string) {
  return loadOwn(setup, stage, loadCheckpoint);
}

/** Refuses what belongs to another stage, or to a run with other settings. */
async function loadOwn<T extends NetworkCheckpoint>(
  setup: Setup,
  stage: string,
  load: (path: string) => Promise<T>,
): Promise<T> {
  const path = checkpointPath(setup, stage);
  const loaded = await load(path);
  const problem =
    loaded.stage !== stage
      ? `the checkpoint of the stage ${stage}, got one of ${loaded.stage ?? "no stage"}`
      : (loaded.extra as { settings?: unknown } | null | undefined)?.settings !== settingsHash(setup.config)
        ? `a checkpoint of this run, got one of other settings`
        : undefined;
  if (problem === undefined) return loaded;
  disposeCheckpoint(loaded);
  throw new Error(`${path}: expected ${problem}.`);
}

/** Frees the weights of a checkpoint. */
export function disposeCheckpoint({ params, ema }: NetworkCheckpoint): void {
  disposeParams(params);
  if (ema) disposeParams(ema);
}

/** The same for the same settings, in whatever order they stand. */
function settingsHash(config: RecipeConfig): string {
  const settings = flatten(config).map((entry) => JSON.stringify(entry));
  return createHash("sha256").update(settings.sort().join("\n")).digest("hex");
}
