import {
  classifier,
  denoiser,
  discreteCosineSchedule,
  disposeParams,
  resnet,
  unet,
  type Classifier,
  type Denoiser,
  type NoiseSchedule,
  type Params,
} from "cfd-distill";
import { loadCheckpoint, loadNetworkCheckpoint } from "cfd-distill/node";
import { checkpointPath, type Workplace } from "./workplace.js";

/** A trained diffusion model, its weights to be freed with `disposeParams(params)`. */
export interface Model {
  readonly model: Denoiser;
  readonly params: Params;
}

/** The schedule that teacher and students share: a table of T + 1 entries. */
export function scheduleOf({ config }: Workplace): NoiseSchedule {
  return discreteCosineSchedule(config.teacherSteps);
}

/** The network that teacher and students share. */
export function networkOf({ config, data }: Workplace) {
  const { unet: size, teacherSteps } = config;
  return unet({ ...size, timeScale: teacherSteps, classes: data.train.classes.length });
}

/** The network of the run's classifier. */
export function classifierOf({ config, data }: Workplace) {
  const { blocks, width } = config.classifier;
  return resnet({ blocks, width, classes: data.train.classes.length });
}

/** The model of a finished stage: its averaged weights where it has them. */
export async function loadModel(place: Workplace, name: string): Promise<Model> {
  const { network, params, ema, predictionType } = await loadCheckpoint(checkpointPath(place, name));
  if (ema) disposeParams(params);
  const weights = ema ?? params;
  return { model: denoiser(network, weights, predictionType), params: weights };
}

/** The run's trained classifier, in inference mode. It takes images as they are, in [-1, 1]. */
export async function loadClassifier(place: Workplace): Promise<{ model: Classifier; params: Params }> {
  const { params } = await loadNetworkCheckpoint(checkpointPath(place, "classifier"));
  return { model: classifier(classifierOf(place), params), params };
}
