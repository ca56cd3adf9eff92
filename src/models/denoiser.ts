import * as tf from "../tfjs.js";
import {
  check,
  checkImages,
  checkLabels,
  checkNamed,
  checkOptions,
  checkPositiveInteger,
  checkPredictionType,
  checkRows,
  checkSameShape,
  checkTimes,
  isNumber,
} from "../check.js";
import type {
  Classifier,
  ClassifierOutput,
  Denoiser,
  Labels,
  Params,
  PredictionType,
  Times,
  TrainedSchedule,
} from "../types.js";
import {
  checkApplyOptions,
  type ApplyOptions,
  type ClassifierNetwork,
  type DenoiserNetwork,
} from "./network.js";

/** How a denoiser's network is run, and what is known of its training. */
export type DenoiserOptions = ApplyOptions & {
  /** The schedule that the weights were trained on: samplers and losses then refuse another one. */
  readonly schedule?: TrainedSchedule;
};

/**
 * A diffusion network with its weights as a {@link Denoiser}, which samplers, targets and losses take.
 *
 * @param network a U-Net, or any network of that signature
 * @param params its weights; the denoiser reads them at each call and never disposes them
 * @param predictionType what the network's output stands for: "x0", "eps", "v" or "flow"
 * @param options `train`: training mode, in which its `rng` draws the dropout masks; inference mode without it. `recompute`:
 *   true for the backward pass to compute the blocks again instead of keeping their intermediates. `schedule`: the one it
 *   was trained on, if whoever samples or learns from it is to be held to that
 * @returns (zt [B, H, W, C], times, labels?) => prediction of zt's shape, with `predictionType` and `schedule`
 * @throws if `predictionType` or `schedule` is none or an option is unknown; the denoiser if times, labels or shapes do not fit
 * @example
 * ```ts
 * import { createRng, denoiser, disposeParams, noise, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const model = denoiser(network, params, "x0");
 * const zt = noise([1], [4, 4, 3]);
 * const x0 = model(zt, [0.5]);
 * console.log(model.predictionType, x0.shape); // x0 [1, 4, 4, 3]
 * zt.dispose();
 * x0.dispose();
 * disposeParams(params);
 * ```
 */
export function denoiser<C>(
  network: DenoiserNetwork<C>,
  params: Params,
  predictionType: PredictionType,
  options: DenoiserOptions = {},
): Denoiser {
  checkNetwork(network, "denoiser");
  checkNamed(params, "denoiser", "params, weights by name");
  checkPredictionType(predictionType, "denoiser");
  checkApplyOptions(options, "denoiser", { schedule: true });
  const { schedule, ...running } = options;
  const known = schedule === undefined || typeof schedule?.alphaBar === "function";
  check(known, "denoiser", "schedule to be a noise schedule", schedule);
  const denoise = (zt: tf.Tensor4D, times: Times, labels?: Labels): tf.Tensor4D => {
    checkImages(zt, "denoiser", "zt");
    checkTimes(times, zt.shape[0], "denoiser");
    checkLabels(labels, zt.shape[0], "denoiser");
    return tf.tidy(() => {
      const prediction = network.apply(params, zt, times, labels, running);
      checkImages(prediction, "denoiser", "the network's output");
      checkSameShape(prediction, zt, "denoiser", "the network's output and zt");
      return prediction.clone(); // it may be zt, or a tensor that the network returns each time
    });
  };
  return Object.assign(denoise, { predictionType, ...(schedule && { schedule }) });
}

function checkNetwork(network: { readonly apply: unknown }, where: string): void {
  check(typeof network?.apply === "function", where, "a network, whose apply is a function", network);
}

/** How a classifier's images are scaled, by both or neither, and what it says of them. */
export interface ClassifierOptions {
  /** One number per image channel, subtracted from (x + 1) / 2. */
  readonly mean?: readonly number[];
  /** One positive number per image channel, by which the difference is divided. */
  readonly std?: readonly number[];
  /** How many layers' features it gives, in one pass: those before the last as `earlier`. Default 1. */
  readonly layers?: number;
}

/**
 * A classifying network with its weights as a {@link Classifier}, in inference mode.
 *
 * @param network a ResNet, a DenseNet, or any network of that signature
 * @param params its weights; read at each call, never disposed
 * @param options `mean` and `std` per channel: images in [-1, 1] go in as ((x + 1) / 2 - mean) / std. Without them
 *   images go in as they are. `layers`: 2 for the pooled features of the stage before the last as well, and so on; a
 *   ResNet has as many as stages, other networks of ours the last only
 * @returns images [B, H, W, C] in [-1, 1] => { logits [B, classes], features [B, width] }, with several layers also
 *   `earlier`, a list of features [B, its width], the nearest to the last first
 * @throws if only one of mean and std is given, they differ in length, or a std is not positive; the classifier
 *   if their length is not the number of image channels, the network has not so many layers, or what comes out is not
 *   one row per image
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { classifier, createRng, disposeParams, noise, resnet } from "cfd-distill";
 * const network = resnet({ blocks: [1], width: 4, classes: 10 });
 * const params = network.init(createRng(0));
 * const classify = classifier(network, params, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
 * const images = noise([1], [4, 4, 3]);
 * const { logits, features } = classify(images);
 * console.log(logits.shape, features.shape); // [1, 10] [1, 4]
 * tf.dispose([images, logits, features]);
 * disposeParams(params);
 * ```
 */
export function classifier(
  network: Pick<ClassifierNetwork, "apply">,
  params: Params,
  options: ClassifierOptions = {},
): Classifier {
  checkNetwork(network, "classifier");
  checkNamed(params, "classifier", "params, weights by name");
  checkOptions("classifier", options, { mean: true, std: true, layers: true });
  const { mean, std, layers = 1 } = options;
  checkScaling(mean, std);
  checkPositiveInteger(layers, "classifier", "layers");
  return (images) => {
    checkImages(images, "classifier", "images");
    return tf.tidy(() => {
      const scaled = mean && std ? rescale(images, mean, std) : images;
      const output = layers === 1 ? network.apply(params, scaled) : network.apply(params, scaled, { layers });
      checkNamed(output, "classifier", "logits and features of the network");
      checkRows(output.logits, "classifier", ["logits", "classes"], images.shape[0]);
      checkRows(output.features, "classifier", ["features", "width"], images.shape[0]);
      // They may be the images, or one tensor, or one that the network returns each time.
      const last = { logits: output.logits.clone(), features: output.features.clone() };
      return layers === 1 ? last : { ...last, earlier: earlierOf(output, layers - 1, images.shape[0]) };
    });
  };
}

/** The features of so many layers before the last, in tensors of the caller's own. */
function earlierOf({ earlier }: ClassifierOutput, count: number, batch: number): tf.Tensor2D[] {
  const isList = Array.isArray(earlier) && earlier.length === count;
  check(isList, "classifier", `the network to give the features of ${count} layers before the last`, earlier);
  return earlier.map((features) => {
    checkRows(features, "classifier", ["earlier features", "width"], batch);
    return features.clone();
  });
}

function checkScaling(mean?: readonly number[], std?: readonly number[]): void {
  const together = (mean === undefined) === (std === undefined);
  check(together, "classifier", "both mean and std, or neither", { mean, std });
  if (mean === undefined || std === undefined) return;
  const isList = (list: readonly number[]) => Array.isArray(list) && !list.some((value) => !isNumber(value));
  check(isList(mean) && isList(std), "classifier", "mean and std to be lists of numbers", { mean, std });
  check(mean.length === std.length, "classifier", "mean and std of one length", { mean, std });
  check(
    std.every((value) => value > 0),
    "classifier",
    "every std to be positive",
    std,
  );
}

/** ((x + 1) / 2 - mean) / std. */
function rescale(images: tf.Tensor4D, mean: readonly number[], std: readonly number[]): tf.Tensor4D {
  const channels = images.shape[3];
  check(channels === mean.length, "classifier", `images of ${mean.length} channels, as mean and std`, images);
  const slope = std.map((s) => 0.5 / s);
  const offset = std.map((s, c) => (0.5 - mean[c]!) / s);
  return tf.add(tf.mul(images, tf.tensor1d(slope)), tf.tensor1d(offset));
}
