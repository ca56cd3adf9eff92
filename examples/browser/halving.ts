// One halving, by PD or CFD, as a function of the student's weights.
import * as tf from "@tensorflow/tfjs";
import {
  classifier,
  type ClassifierNetwork,
  decodeCheckpoint,
  decodeNetworkCheckpoint,
  denoiser,
  disposeParams,
  drawTimes,
  type LossTerms,
  type Params,
  progressiveLoss,
  type Rng,
} from "cfd-distill";
import { drawBatch, type ImageSet } from "cfd-distill/data";
import type { Manifest } from "../emoji/manifest.js";
import { featureTerms } from "../recipe/stages/losses.js";

/** Everything that decides what is computed, as plain data. */
export interface HalvingSetup {
  readonly method: "pd" | "cfd";
  readonly recipe: Manifest["distillation"];
  /** Checkpoints. */
  readonly teacher: Uint8Array;
  /** For CFD. */
  readonly classifier: Uint8Array | undefined;
  readonly images: ImageSet;
}

/** A halving, ready to compute. */
export interface Halving {
  /** Of a batch that `rng` draws. */
  readonly terms: (rng: Rng) => LossTerms;
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
  const opened = method === "cfd" ? openClassifier(setup.classifier!) : undefined;
  const studentSteps = source.steps / 2;

  const models = { student, teacher, schedule, studentSteps };
  const terms = (rng: Rng): LossTerms => {
    const times = drawTimes(rng, recipe.batch, studentSteps);
    const batch = { ...draw(images, rng, recipe), times };
    return opened
      ? featureTerms({ ...models, ...batch }, opened.model, { ...recipe, beta: 0, gamma: 0 })
      : progressiveLoss({ ...models, ...batch, weighting: recipe.weighting });
  };
  const dispose = () => {
    disposeParams(source.params);
    if (opened) disposeParams(opened.params);
  };
  return { terms, dispose };
}

function openClassifier(bytes: Uint8Array) {
  const { network, params } = decodeNetworkCheckpoint(bytes);
  return { model: classifier(network as ClassifierNetwork, params), params };
}

/** A batch with its noise and classes. */
function draw(images: ImageSet, rng: Rng, { batch, flip }: HalvingSetup["recipe"]) {
  const { x0, labels } = drawBatch(images, rng, { batch, flip });
  return { x0, labels, eps: tf.tensor4d(rng.normals(x0.size), x0.shape) };
}
