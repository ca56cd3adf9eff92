import {
  classifier,
  cosineSchedule,
  denoiser,
  densenet,
  discreteCosineSchedule,
  disposeParams,
  flowSchedule,
  resnet,
  unet,
  type ApplyOptions,
  type Classifier,
  type Clip,
  type Denoiser,
  type DenseNet,
  type NoiseSchedule,
  type Params,
  type PredictionType,
  type ResNet,
  type Unet,
} from "cfd-distill";
import { disposeCheckpoint, loadStage, loadStageModel } from "../storage/checkpoints.js";
import { checkpointPath, type Setup } from "../storage/setup.js";

/** A diffusion model but for its weights; students take all of it over from their teacher. */
export interface Description {
  readonly network: Unet;
  readonly schedule: NoiseSchedule;
  readonly predictionType: PredictionType;
}

/** What a checkpoint says of the images that a model draws; classes have names where the model knows them. */
export function imagesOf({ data }: Pick<Setup, "data">, { config }: Unet) {
  const { shape: imageShape, classes: classNames } = data.train;
  return { imageShape, ...(config.classes === classNames.length && { classNames }) };
}

/** A trained diffusion model, its weights to be freed with `disposeParams(params)`. */
export interface Model extends Description {
  readonly params: Params;
  /** The sampling steps that it was trained for. */
  readonly steps: number;
  /** What samplers clip, which students take over as well. */
  readonly clip: Clip;
}

/** The teacher that the run trains. */
export function teacherOf({ config, data }: Setup): Description {
  const { unet: size, base, teacherSteps, prediction = "x0" } = config;
  const classes = data.train.classes.length;
  return {
    network: unet({ ...size, dropout: base.dropout, timeScale: teacherSteps, classes }),
    schedule: scheduleOf(config),
    predictionType: prediction,
  };
}

function scheduleOf({ prediction, schedule = "table", teacherSteps }: Setup["config"]): NoiseSchedule {
  if (prediction === "flow") return flowSchedule();
  return schedule === "table" ? discreteCosineSchedule(teacherSteps) : cosineSchedule();
}

/** The network of the classifier that the run trains. */
export function classifierOf({ config, data }: Setup) {
  const { network } = config.classifier;
  const classes = data.train.classes.length;
  if (network.type === "resnet") return resnet({ ...network, classes });
  if ("depth" in network) return densenet({ depth: network.depth, classes });
  return densenet({ ...network, classes });
}

/** The model of a finished stage: its averaged weights where it has them. */
export async function loadModel(setup: Setup, stage: string): Promise<Model> {
  const { network, params, ema, schedule, predictionType, steps, clip } = await loadStageModel(setup, stage);
  if (ema) disposeParams(params);
  return { network, params: ema ?? params, schedule, predictionType, steps, clip };
}

/** A model as a function, which ignores classes if its network has none. */
export function denoiserOf(
  { network, predictionType }: Description,
  params: Params,
  options: ApplyOptions = {},
): Denoiser {
  const model = denoiser(network, params, predictionType, options);
  if (network.config.classes !== undefined) return model;
  const unconditional: (...input: Parameters<Denoiser>) => ReturnType<Denoiser> = (zt, times) =>
    model(zt, times);
  return Object.assign(unconditional, { predictionType });
}

/** A classifying network with its weights. */
export interface ClassifierModel {
  readonly network: ResNet | DenseNet;
  readonly params: Params;
}

/** The network of the run's classifier, with its weights. */
export async function loadClassifierModel(setup: Setup): Promise<ClassifierModel> {
  const loaded = await loadStage(setup, "classifier");
  const { network, params } = loaded;
  if (!isUnet(network)) return { network, params };
  disposeCheckpoint(loaded);
  throw new Error(`${checkpointPath(setup, "classifier")}: expected a classifier, got a U-Net.`);
}

/** The run's classifier, in inference mode, which gives the features of so many layers; it takes images in [-1, 1]. */
export async function loadClassifier(
  setup: Setup,
  layers = 1,
): Promise<{ model: Classifier; params: Params }> {
  const { network, params } = await loadClassifierModel(setup);
  return { model: classifier(network, params, { ...setup.config.classifierScaling, layers }), params };
}

/** What a checkpoint of any network may hold. */
export function isUnet(network: Unet | ResNet | DenseNet): network is Unet {
  return network.config.type === "unet";
}
