import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import {
  assignParams,
  clipByGlobalNorm,
  disposeParams,
  readTerms,
  restoreRng,
  updateEma,
  type Checkpoint,
  type NetworkCheckpoint,
  type Optimizer,
  type Params,
  type Rng,
} from "cfd-distill";
import { loadNetworkCheckpoint, saveCheckpoint } from "cfd-distill/node";
import type { Crew, Job } from "./crew.js";
import { progress } from "./progress.js";
import type { StepInput, Task } from "./tasks.js";
import { checkpointPath, type Workplace } from "./workplace.js";

/** What every stage of a run shares. */
export interface Run extends Workplace {
  /** Who computes. */
  readonly crew: Crew;
  /** Each stage forks its own stream from this one. */
  readonly rng: Rng;
  /** Stops the run at the next step, after a checkpoint. */
  readonly signal: AbortSignal;
}

/** One network to train, and how. */
export interface Stage {
  /** Names the checkpoint, the random stream and the lines in the log. */
  readonly name: string;
  readonly title: string;
  readonly steps: number;
  /** What the checkpoint says besides weights and state. */
  readonly describe: Omit<Checkpoint, "params"> | Omit<NetworkCheckpoint, "params">;
  readonly params: Params;
  /** Averaged weights and the decay at each step. */
  readonly ema?: { readonly params: Params; readonly decay: (step: number) => number };
  readonly optimizer: Optimizer;
  /** Gradients are scaled down to this global norm. */
  readonly maxNorm: number;
  /** What is computed of a batch, and of how many samples. */
  readonly task: Extract<Task, { kind: "teacher" | "classifier" | "halving" }>;
  readonly batch: number;
}

/** One line of the run's log. */
export function log(run: Run, entry: Readonly<Record<string, unknown>>): void {
  appendFileSync(join(run.out, "log.jsonl"), `${JSON.stringify(entry)}\n`);
}

/**
 * Trains a stage to its end, from its checkpoint if there is one. Changes `stage.params`, and the averages. When the
 * run is stopped it saves first and then rejects with the signal's reason; going on from there gives the same bits as
 * never having stopped, because weights, averages, moments, step and random stream are all in the checkpoint.
 */
export async function train(run: Run, stage: Stage): Promise<void> {
  const { rng, ...start } = await restore(run, stage);
  let { step, saved } = start;
  if (step >= stage.steps) return;
  if (step > 0) log(run, { stage: stage.name, event: "resumed", step });
  const save = async () => {
    if (saved === step) return;
    const optimizer = await stage.optimizer.state();
    const weights = { params: stage.params, ema: stage.ema?.params };
    const state = { optimizer, step, rng: rng.state(), stage: stage.name };
    await saveCheckpoint(checkpointPath(run, stage.name), { ...stage.describe, ...weights, ...state });
    saved = step;
  };
  const job = await run.crew.open(stage.task, stage.params);
  const bar = progress(stage.title, stage.steps, step);
  try {
    while (step < stage.steps) {
      if (run.signal.aborted) await save();
      run.signal.throwIfAborted();
      const terms = await trainStep(stage, job, step, rng);
      step++;
      if (step % run.config.logEvery === 0 || step === stage.steps) {
        log(run, { stage: stage.name, step, ...rounded(terms) });
      }
      bar.update(step, `loss ${terms.loss!.toPrecision(3)}`);
      if (step % run.config.saveEvery === 0 || step === stage.steps) await save();
      await nextTask(); // lets Ctrl-C in
    }
  } finally {
    bar.stop();
    await job.close();
  }
}

/** One step, whose random numbers come from a stream of its own. */
async function trainStep(
  stage: Stage,
  job: Job<StepInput>,
  step: number,
  rng: Rng,
): Promise<Record<string, number>> {
  const input = { rng: rng.fork(step).state() };
  const { terms, grads } = await job.valueAndGrads(stage.params, input, stage.batch);
  const norm = tf.tidy(() => {
    const clipped = clipByGlobalNorm(grads, stage.maxNorm);
    stage.optimizer.apply(stage.params, clipped.grads);
    if (stage.ema) updateEma(stage.ema.params, stage.params, stage.ema.decay(step));
    return clipped.norm;
  });
  try {
    return await readTerms({ ...terms, gradientNorm: norm }, { step });
  } finally {
    tf.dispose([terms, grads, norm]);
  }
}

async function restore(run: Run, stage: Stage): Promise<{ step: number; rng: Rng; saved: number }> {
  const path = checkpointPath(run, stage.name);
  if (!existsSync(path)) return { step: 0, rng: run.rng.fork(stage.name), saved: -1 };
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
