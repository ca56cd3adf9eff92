// A distillation that can be stopped after any step and goes on, elsewhere or later, as if it had not been.
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  clipByGlobalNorm,
  cosineAnnealing,
  createRng,
  decodeCheckpoint,
  type DecodedCheckpoint,
  denoiser,
  disposeParams,
  encodeCheckpoint,
  noise,
  readTerms,
  restoreRng,
  sampleDdim,
  valueAndGrads,
} from "cfd-distill";
import { openHalving, type HalvingSetup } from "./halving.js";

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

/** Opens a distillation at its first step, or where `checkpoint` was taken. */
export function openDistillation(
  setup: HalvingSetup,
  settings: Settings,
  checkpoint?: Uint8Array,
): Distillation {
  const start = decodeCheckpoint(checkpoint ?? setup.teacher); // a student starts from its teacher's weights
  if (checkpoint) checkTeacher(start, setup.teacher);
  const { network, params, schedule, predictionType, imageShape } = start;
  const { steps } = checkpoint ? start : { steps: start.steps / 2 };
  const model = { network, params, schedule, predictionType, steps, imageShape };
  const { rate } = setup.recipe;
  const optimizer = adam({ learningRate: cosineAnnealing({ rate, steps: settings.steps }) });
  if (start.optimizer) optimizer.restore(start.optimizer);
  const rng = start.rng ? restoreRng(start.rng) : createRng(settings.seed);
  let done = checkpoint ? (start.step ?? 0) : 0;
  const halving = openHalving(setup, params);

  return {
    async step() {
      const { terms, grads } = valueAndGrads(() => halving.terms(rng.fork(done)), params);
      const clipped = clipByGlobalNorm(grads, 1);
      try {
        const { loss } = await readTerms({ loss: terms.loss, norm: clipped.norm }, { step: done });
        optimizer.apply(params, clipped.grads);
        done++;
        return loss;
      } finally {
        tf.dispose([terms, grads, clipped]);
      }
    },
    draw: (seeds, labels) => draw(model, seeds, labels),
    async checkpoint() {
      const state = { optimizer: await optimizer.state(), step: done, rng: rng.state(), extra: settings };
      return encodeCheckpoint({ ...model, ...state });
    },
    dispose() {
      halving.dispose();
      disposeParams(params);
      optimizer.dispose();
    },
  };
}

/** Refuses a student that was saved before this page's models were replaced by others, and frees its weights. */
function checkTeacher(student: DecodedCheckpoint, teacher: Uint8Array): void {
  const { params, ...own } = decodeCheckpoint(teacher);
  disposeParams(params);
  const [found, wanted] = [student, own].map(({ network, schedule, predictionType, imageShape }) =>
    JSON.stringify([network.config, schedule.config, predictionType, imageShape]),
  );
  if (found === wanted) return;
  disposeParams(student.params);
  throw new Error(
    "This student was saved when the page had other models. Download it if you like, then discard it.",
  );
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
