import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import {
  accumulateGrads,
  assignParams,
  clipByGlobalNorm,
  disposeParams,
  readTerms,
  restoreRng,
  updateEma,
  valueAndGrads,
  type Checkpoint,
  type NetworkCheckpoint,
  type Optimizer,
  type Params,
  type Rng,
} from "cfd-distill";
import { loadNetworkCheckpoint, saveCheckpoint } from "cfd-distill/node";
import type { TrainingConfig } from "./config.js";
import { progress } from "./progress.js";
import type { Terms } from "./terms.js";
import { showAll, type Watcher } from "./watch/watcher.js";
import { checkpointPath, type Place } from "./place.js";

/** What every stage of a run shares. */
export interface Run extends Place {
  /** Each stage forks its own stream from this one. */
  readonly rng: Rng;
  /** Stops the run at the next step, after a checkpoint. */
  readonly signal: AbortSignal;
  /** Who shows how it goes. */
  readonly watchers: readonly Watcher[];
}

/** One network to train, and how. */
export interface Stage {
  /** Names the checkpoint and the lines in the log. */
  readonly name: string;
  /** Names the random stream; without it the stage's name. */
  readonly stream?: string;
  readonly title: string;
  /** What the checkpoint says besides weights and state. */
  readonly describe: Omit<Checkpoint, "params"> | Omit<NetworkCheckpoint, "params">;
  readonly params: Params;
  /** Averaged weights and the decay at each step. */
  readonly ema?: { readonly params: Params; readonly decay: (step: number) => number };
  readonly optimizer: Optimizer;
  /** Gradients are scaled down to this global norm. */
  readonly maxNorm: number;
  readonly terms: Terms;
  readonly training: TrainingConfig;
}

/** One line of the run's log, with the time at which it is written. */
export function log(run: Run, entry: Readonly<Record<string, unknown>>): void {
  const at = new Date().toISOString();
  appendFileSync(join(run.out, "log.jsonl"), `${JSON.stringify({ ...entry, at })}\n`);
  for (const watcher of run.watchers) watcher.logged?.(entry);
}

/**
 * Trains a stage to its end, from its checkpoint if there is one. Changes `stage.params`, and the averages. When the
 * run is stopped it saves first and then rejects with the signal's reason; going on from there gives the same bits as
 * never having stopped, because weights, averages, moments, step and random stream are all in the checkpoint.
 */
export async function train(run: Run, stage: Stage): Promise<void> {
  const { rng, ...start } = await restore(run, stage);
  let { step, saved } = start;
  if (step >= stage.training.steps) return;
  if (step > 0) log(run, { stage: stage.name, event: "resumed", step });
  const save = async () => {
    if (saved === step) return;
    const optimizer = await stage.optimizer.state();
    const weights = { params: stage.params, ema: stage.ema?.params };
    const state = { optimizer, step, rng: rng.state(), stage: stage.name };
    await saveCheckpoint(checkpointPath(run, stage.name), { ...stage.describe, ...weights, ...state });
    saved = step;
    await showAll(run.watchers, "running");
  };
  const bar = progress(stage.title, stage.training.steps, step);
  try {
    while (step < stage.training.steps) {
      if (run.signal.aborted) await save();
      run.signal.throwIfAborted();
      const terms = await trainStep(stage, step, rng);
      step++;
      if (step % run.config.logEvery === 0 || step === stage.training.steps) {
        log(run, { stage: stage.name, step, ...rounded(terms) });
      }
      bar.update(step, `loss ${terms.loss!.toPrecision(3)}`);
      if (step % run.config.saveEvery === 0 || step === stage.training.steps) await save();
      await nextTask(); // lets Ctrl-C in
    }
  } finally {
    bar.stop();
  }
}

/** One step, whose random numbers come from a stream of its own. */
async function trainStep(stage: Stage, step: number, rng: Rng): Promise<Record<string, number>> {
  const { batch, microBatches } = stage.training;
  const size = batch / microBatches;
  const { terms, grads } = accumulateGrads(microBatches, (i) => {
    const rows = { batch, from: i * size, to: (i + 1) * size };
    return valueAndGrads(() => stage.terms(rng.fork(step), rows), stage.params);
  });
  const clipped = clipByGlobalNorm(grads, stage.maxNorm);
  tf.dispose(grads);
  try {
    const read = await readTerms({ ...terms, gradientNorm: clipped.norm }, { step }); // before NaN gets into the weights
    stage.optimizer.apply(stage.params, clipped.grads);
    if (stage.ema) updateEma(stage.ema.params, stage.params, stage.ema.decay(step));
    return read;
  } finally {
    tf.dispose([terms, clipped]);
  }
}

async function restore(run: Run, stage: Stage): Promise<{ step: number; rng: Rng; saved: number }> {
  const path = checkpointPath(run, stage.name);
  if (!existsSync(path)) return { step: 0, rng: run.rng.fork(stage.stream ?? stage.name), saved: -1 };
  const { params, ema, optimizer, step = 0, rng } = await loadNetworkCheckpoint(path);
  assignParams(stage.params, params);
  if (stage.ema && ema) assignParams(stage.ema.params, ema);
  if (optimizer) stage.optimizer.restore(optimizer);
  disposeParams(params);
  if (ema) disposeParams(ema);
  if (!rng) throw new Error(`${path}: expected a checkpoint with a random state, got one without.`);
  return { step, rng: restoreRng(rng), saved: step };
}

function rounded(terms: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(terms).map(([name, value]) => [name, Number(value.toPrecision(6))]),
  );
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
