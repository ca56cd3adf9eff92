// One halving, by PD or CFD, as functions of the student's weights: what the distilling worker and its helpers share.
import * as tf from "@tensorflow/tfjs";
import {
  cfdLoss,
  classifier,
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  denoiser,
  disposeParams,
  drawBatch,
  drawTimes,
  progressiveLoss,
  restoreRng,
  type ClassifierNetwork,
  type ImageSet,
  type LossTerms,
  type Params,
  type Rng,
  type RngState,
  type Share,
} from "cfd-distill";
import type { Manifest } from "../recipe/shipped.js";

/** Everything that decides what is computed, as plain data. */
export interface HalvingSetup {
  readonly method: "pd" | "cfd";
  readonly recipe: Manifest["distillation"];
  /** Checkpoints. */
  readonly teacher: Uint8Array;
  readonly classifier: Uint8Array;
  readonly images: ImageSet;
}

/** Of a step: the stream that the whole batch is drawn from, whoever computes how much of it. */
export interface StepInput {
  readonly rng: RngState;
}

/** A halving, ready to compute. */
export interface Halving {
  readonly terms: (input: StepInput, share: Share) => LossTerms;
  /** Frees teacher and classifier. */
  readonly dispose: () => void;
}

/** Makes a halving ready for a student of these weights, which stay the caller's. */
export function openHalving(setup: HalvingSetup, params: Params): Halving {
  const { method, recipe, images } = setup;
  const source = decodeCheckpoint(setup.teacher);
  const { network, schedule, predictionType } = source;
  const teacher = denoiser(network, source.params, predictionType);
  const student = denoiser(network, params, predictionType);
  const judge = method === "cfd" ? openClassifier(setup.classifier) : undefined;
  const studentSteps = source.steps / 2;

  const terms = (input: StepInput, share: Share): LossTerms => {
    const rng = restoreRng(input.rng);
    const times = drawTimes(rng, share.batch, studentSteps).slice(share.start, share.end);
    const batch = { ...draw(images, rng, recipe.flip, share), times, studentSteps };
    const models = { student, teacher, schedule };
    return judge
      ? cfdLoss({ ...models, ...batch, classifier: judge.model, temperature: recipe.temperature })
      : progressiveLoss({ ...models, ...batch, weighting: recipe.weighting });
  };
  const dispose = () => {
    disposeParams(source.params);
    if (judge) disposeParams(judge.params);
  };
  return { terms, dispose };
}

function openClassifier(bytes: Uint8Array) {
  const { network, params } = decodeNetworkCheckpoint(bytes);
  return { model: classifier(network as ClassifierNetwork, params), params };
}

/** A share of a batch with its noise and classes. The whole batch is drawn, so that it is the same for every share. */
function draw(images: ImageSet, rng: Rng, flip: boolean, { start, end, batch }: Share) {
  const { x0, labels } = drawBatch(images, rng, { batch, flip });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const part = (of: tf.Tensor4D) => tf.slice(of, start, end - start);
  return { x0: part(x0), eps: part(eps), labels: labels.slice(start, end) };
}
