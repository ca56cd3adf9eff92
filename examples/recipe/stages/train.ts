import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import {
  accumulateGrads,
  assignParams,
  type Checkpoint,
  clipByGlobalNorm,
  type NetworkCheckpoint,
  type Params,
  readTerms,
  type Rng,
  updateEma,
  valueAndGrads,
} from "cfd-distill";
import type { TrainingConfig } from "../config/schema.js";
import { hasCritic, restoreWith, stateWith, type Trainee } from "./critic.js";
import { disposeCheckpoint, saveStage, loadStage, loadStageModel } from "../storage/checkpoints.js";
import { progress } from "../terminal/progress.js";
import type { Terms } from "./terms.js";
import { showAll } from "../storage/watcher.js";
import { checkpointPath } from "../storage/setup.js";
import { log, type Run } from "../storage/run.js";
import { messageOf } from "../../../tools/words.js";

/** A network and what it is trained on. */
interface Learner extends Trainee {
  readonly terms: Terms;
}

/** One network to train, and how. */
export interface Stage extends Learner {
  /** Names the checkpoint and the lines in the log. */
  readonly name: string;
  /** Names the random stream; without it the stage's name. */
  readonly stream?: string;
  readonly title: string;
  /** What the checkpoint says besides weights and state. */
  readonly describe: Omit<Checkpoint, "params"> | Omit<NetworkCheckpoint, "params">;
  /** Averaged weights and the decay at each step. */
  readonly ema?: { readonly params: Params; readonly decay: (step: number) => number };
  /** Another network of the kind, which takes each step before this one. */
  readonly critic?: Learner;
  /** Gradients are scaled down to this global norm. */
  readonly maxNorm: number;
  readonly training: TrainingConfig;
}

/**
 * Trains a stage to its end, from its checkpoint if there is one. Changes `stage.params`, the averages and the critic. When
 * the run is stopped it saves first and then rejects with the signal's reason; going on from there gives the same bits as
 * never having stopped, because weights, averages, critic, moments, step and random stream are all in the checkpoint.
 */
export async function train(run: Run, stage: Stage): Promise<void> {
  const { rng, ...start } = await restore(run, stage);
  let { step, saved } = start;
  if (step >= stage.training.steps) return;
  if (step > 0) log(run, { stage: stage.name, event: "resumed", step });
  const save = async () => {
    if (saved === step) return;
    await checkWeights(stage, step);
    const optimizer = await stateWith(stage);
    const weights = { params: stage.params, ema: stage.ema?.params };
    const state = { optimizer, step, rng: rng.state() };
    await saveStage(run, stage.name, { ...stage.describe, ...weights, ...state });
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

/** Refuses to save what has a number that is not finite, so that the last checkpoint is a good one. */
async function checkWeights({ name, params, ema, critic }: Stage, step: number): Promise<void> {
  const others = { ...prefixed("ema/", ema?.params), ...prefixed("critic/", critic?.params) };
  const measured = clipByGlobalNorm({ ...params, ...others }, Infinity);
  try {
    await readTerms({ weightNorm: measured.norm }, { step });
  } catch (error) {
    throw inStage(name, error);
  } finally {
    tf.dispose(measured);
  }
}

const prefixed = (prefix: string, params: Params = {}): Params =>
  Object.fromEntries(Object.entries(params).map(([name, weight]) => [prefix + name, weight]));

/** An error that says which stage it was. */
function inStage(name: string, error: unknown): Error {
  return new Error(`${name}: ${messageOf(error)}`, { cause: error });
}

/** One step, of the critic first where there is one, whose random numbers come from streams of their own. */
async function trainStep(stage: Stage, step: number, rng: Rng): Promise<Record<string, number>> {
  const stream = () => rng.fork(step);
  const critic = stage.critic && (await learn(stage, stage.critic, step, () => stream().fork("critic")));
  const values = await learn(stage, stage, step, stream);
  if (stage.ema) updateEma(stage.ema.params, stage.params, stage.ema.decay(step));
  return { ...values, ...(critic && { criticLoss: critic.loss! }) };
}

/** Where the loss or the gradient is not finite it throws before a weight or a moment is changed. */
async function learn(
  stage: Stage,
  { params, optimizer, terms: termsOf }: Learner,
  step: number,
  stream: () => Rng,
): Promise<Record<string, number>> {
  const { batch, microBatches } = stage.training;
  const size = batch / microBatches;
  const { terms, grads } = accumulateGrads(microBatches, (i) => {
    const rows = { batch, from: i * size, to: (i + 1) * size };
    return valueAndGrads(() => termsOf(stream(), rows, step), params);
  });
  const clipped = clipByGlobalNorm(grads, stage.maxNorm);
  tf.dispose(grads);
  try {
    const values = await readTerms({ ...terms, gradientNorm: clipped.norm }, { step });
    optimizer.apply(params, clipped.grads);
    return values;
  } catch (error) {
    throw inStage(stage.name, error);
  } finally {
    tf.dispose([terms, clipped]);
  }
}

async function restore(run: Run, stage: Stage): Promise<{ step: number; rng: Rng; saved: number }> {
  const path = checkpointPath(run, stage.name);
  const rng = run.rng.fork(stage.stream ?? stage.name);
  if (!existsSync(path)) return { step: 0, rng, saved: -1 };
  const loaded =
    "schedule" in stage.describe ? await loadStageModel(run, stage.name) : await loadStage(run, stage.name);
  try {
    const fault = faultOf(loaded, stage, rng);
    if (fault !== undefined) throw new Error(`expected a checkpoint of this stage, got ${fault}.`);
    assignParams(stage.params, loaded.params);
    if (stage.ema) assignParams(stage.ema.params, loaded.ema!);
    restoreWith(stage, loaded.optimizer!);
    return { step: loaded.step!, rng, saved: loaded.step! };
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    disposeCheckpoint(loaded);
  }
}

/** What tells that a stage did not save this; undefined if it may have. */
function faultOf(loaded: NetworkCheckpoint, stage: Stage, rng: Rng): string | undefined {
  const { step, ema, optimizer } = loaded;
  if (step === undefined || step > stage.training.steps) return `step ${step} of ${stage.training.steps}`;
  if (!optimizer) return "one without its optimiser";
  if (optimizer.step !== step) return `an optimiser after ${optimizer.step} steps at step ${step}`;
  if ((ema !== undefined) !== (stage.ema !== undefined))
    return `one ${ema ? "with" : "without"} averaged weights`;
  if (hasCritic(optimizer) !== (stage.critic !== undefined))
    return `one ${stage.critic ? "without" : "with"} a critic`;
  if (!sameJson(loaded.rng, rng.state())) return "another random state";
  const other = Object.entries(said(stage.describe)).find(
    ([key, value]) => !sameJson(value, said(loaded)[key]),
  );
  return other && `another ${other[0]}`;
}

/** What a checkpoint says of its model, in plain JSON. */
function said(description: Stage["describe"]): Readonly<Record<string, unknown>> {
  const network = description.network.config;
  if (!("schedule" in description)) return { network };
  const { schedule, predictionType, steps, imageShape } = description;
  return { network, schedule: schedule.config, predictionType, steps, imageShape };
}

const sameJson = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

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
