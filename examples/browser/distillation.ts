// A distillation that can be stopped after any step and goes on, elsewhere or later, as if it had not been.
import * as tf from "@tensorflow/tfjs";
import {
  accumulateGrads,
  adam,
  clipByGlobalNorm,
  cosineAnnealing,
  createRng,
  decodeCheckpoint,
  denoiser,
  disposeParams,
  encodeCheckpoint,
  noise,
  readTerms,
  restoreRng,
  sampleDdim,
  splitBatch,
  valueAndGrads,
  type DecodedCheckpoint,
  type Params,
  type ValueAndGrads,
} from "cfd-distill";
import { openHalving, type HalvingSetup, type StepInput } from "./halving.js";

/**
 * Every batch is computed in so many shares, one after the other or side by side: the shares decide how sums round, so
 * the result is the same to the bit on one core and on several.
 */
export const SHARES = 2;

/** What the visitor chose. */
export interface Settings {
  readonly method: "pd" | "cfd";
  /** Training steps. */
  readonly steps: number;
  readonly seed: number;
}

/** A distillation at some step. */
export interface Distillation {
  /** Trains one step; resolves to its loss. */
  step(): Promise<number>;
  /** The student's images, in as many sampling steps as it is trained for. The caller disposes them. */
  draw(seeds: readonly number[], labels: readonly number[]): Promise<tf.Tensor4D>;
  /** Weights, moments, step and random stream. */
  checkpoint(): Promise<Uint8Array>;
  dispose(): void;
}

/** Computes loss and gradients of one batch. */
export type Compute = (params: Params, input: StepInput, batch: number) => Promise<ValueAndGrads>;

/**
 * Opens a distillation at its first step, or where `checkpoint` was taken. `compute` replaces this thread.
 */
export function openDistillation(
  setup: HalvingSetup,
  settings: Settings,
  checkpoint?: Uint8Array,
  compute?: Compute,
): Distillation {
  const start = decodeCheckpoint(checkpoint ?? setup.teacher); // a student starts from its teacher's weights
  const { network, params, schedule, predictionType, imageShape } = start;
  const { steps } = checkpoint ? start : { steps: start.steps / 2 };
  const model = { network, params, schedule, predictionType, steps, imageShape };
  const { batch, rate } = setup.recipe;
  const optimizer = adam({ learningRate: cosineAnnealing({ rate, steps: settings.steps }) });
  if (start.optimizer) optimizer.restore(start.optimizer);
  const rng = start.rng ? restoreRng(start.rng) : createRng(settings.seed);
  let done = checkpoint ? (start.step ?? 0) : 0;
  const halving = compute ? undefined : openHalving(setup, params);
  const learn = compute ?? ((_, input) => Promise.resolve(inShares(halving!, params, input, batch)));

  return {
    async step() {
      const { terms, grads } = await learn(params, { rng: rng.fork(done).state() }, batch);
      tf.tidy(() => {
        optimizer.apply(params, clipByGlobalNorm(grads, 1).grads);
      });
      try {
        const { loss } = await readTerms({ loss: terms.loss }, { step: done });
        done++;
        return loss;
      } finally {
        tf.dispose([terms, grads]);
      }
    },
    draw: (seeds, labels) => draw(model, seeds, labels),
    async checkpoint() {
      const state = { optimizer: await optimizer.state(), step: done, rng: rng.state(), extra: settings };
      return encodeCheckpoint({ ...model, ...state });
    },
    dispose() {
      halving?.dispose();
      disposeParams(params);
      optimizer.dispose();
    },
  };
}

function inShares(
  { terms }: ReturnType<typeof openHalving>,
  params: Params,
  input: StepInput,
  batch: number,
): ValueAndGrads {
  const shares = splitBatch(batch, SHARES);
  return accumulateGrads(SHARES, (i) => valueAndGrads(() => terms(input, shares[i]!), params));
}

type Model = Pick<
  DecodedCheckpoint,
  "network" | "params" | "schedule" | "predictionType" | "steps" | "imageShape"
>;

/** Images of a model from one seed each. The caller disposes them. */
export async function draw(
  { network, params, schedule, predictionType, steps, imageShape }: Model,
  seeds: readonly number[],
  labels: readonly number[],
): Promise<tf.Tensor4D> {
  const zT = noise(seeds, imageShape!);
  try {
    return await sampleDdim(denoiser(network, params, predictionType), schedule, zT, { steps, labels });
  } finally {
    zT.dispose();
  }
}
