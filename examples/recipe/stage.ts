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
  type ValueAndGrads,
} from "cfd-distill";
import { loadNetworkCheckpoint, saveCheckpoint } from "cfd-distill/node";
import type { TrainingConfig } from "./config.js";
import type { Crew, Job } from "./crew.js";
import { progress } from "./progress.js";
import type { StepInput, Task } from "./tasks.js";
import { showAll, type Watcher } from "./watch/watcher.js";
import { checkpointPath, type Workplace } from "./workplace.js";

/** What every stage of a run shares. */
export interface Run extends Workplace {
  /** Who computes. */
  readonly crew: Crew;
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
  /** What is computed of a batch, and of how many samples. */
  readonly task: Extract<Task, { kind: "teacher" | "classifier" | "halving" }>;
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
  const job = await run.crew.open(stage.task, stage.params);
  const bar = progress(stage.title, stage.training.steps, step);
  try {
    while (step < stage.training.steps) {
      if (run.signal.aborted) await save();
      run.signal.throwIfAborted();
      const terms = await trainStep(stage, job, step, rng);
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
  const { terms, grads } = await ofWholeBatch(stage, job, rng.fork(step));
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

/** Terms and gradients of a batch, computed a micro-batch at a time: their means. */
async function ofWholeBatch(
  { params, training }: Stage,
  job: Job<StepInput>,
  rng: Rng,
): Promise<ValueAndGrads> {
  const { batch, microBatches } = training;
  const size = batch / microBatches;
  const part = (i: number) => job.valueAndGrads(params, { rng: rng.state(), batch, first: i * size }, size);
  let sum = await part(0);
  for (let i = 1; i < microBatches; i++) {
    const next = await part(i);
    const before = sum;
    sum = combine(tf.add, sum, next);
    tf.dispose([before.terms, before.grads, next.terms, next.grads]);
  }
  if (microBatches === 1) return sum;
  const mean = combine((a) => tf.div(a, microBatches), sum, sum);
  tf.dispose([sum.terms, sum.grads]);
  return mean;
}

function combine(
  f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  a: ValueAndGrads,
  b: ValueAndGrads,
): ValueAndGrads {
  const all = <T extends Readonly<Record<string, tf.Tensor>>>(x: T, y: T) =>
    Object.fromEntries(Object.keys(x).map((name) => [name, f(x[name]!, y[name]!)])) as unknown as T;
  return { terms: all(a.terms, b.terms), grads: all(a.grads, b.grads) };
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
