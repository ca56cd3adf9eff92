import * as tf from "@tensorflow/tfjs";
import { check, checkImages, checkPositiveInteger } from "../check.js";
import type { Params } from "../types.js";
import { pixelMean } from "./channelwise.js";
import { torchUniform } from "./initialisers.js";
import { linear } from "./layers.js";
import { checkApplyOptions, type ApplyOptions, type ClassifierOutput } from "./network.js";
import type { ParamSpec, ParamSpecs } from "./params.js";

/** The members of {@link ClassifierOutput}, as a type that `tf.tidy` accepts. */
export type Head = { readonly [K in keyof ClassifierOutput]: ClassifierOutput[K] };

/** A square convolution without bias, as all of a classifier's are. */
export function convSpec(
  name: string,
  shape: readonly [size: number, widthIn: number, widthOut: number],
  initialise: ParamSpec["initialise"],
): ParamSpecs {
  const [size, widthIn, widthOut] = shape;
  return { [`${name}.weight`]: { shape: [size, size, widthIn, widthOut], initialise } };
}

/** The linear layer behind the features, drawn as PyTorch does if nothing else is asked for. */
export function headSpecs(width: number, classes: number): ParamSpecs {
  return {
    "fc.weight": { shape: [width, classes], initialise: torchUniform },
    "fc.bias": { shape: [classes], initialise: (rng, shape) => torchUniform(rng, shape, width) },
  };
}

/** The weights of several parts, in their order. */
export function mergeSpecs(parts: readonly ParamSpecs[]): ParamSpecs {
  return Object.fromEntries(parts.flatMap((specs) => Object.entries(specs)));
}

/** Activations [B, H, W, width] averaged over pixels are the features, and their linear layer the logits. */
export function head(activations: tf.Tensor4D, params: Params): Head {
  const [batch, , , width] = activations.shape;
  const features: tf.Tensor2D = tf.reshape(pixelMean(activations), [batch, width]);
  return { features, logits: linear(features, params, "fc") };
}

/** Throws unless `images` fit the network. */
export function checkClassifierInput(
  images: tf.Tensor4D,
  channels: number,
  where: string,
  options: ApplyOptions = {},
): void {
  checkApplyOptions(options, where);
  // A second run of a block would update batch norm's statistics twice.
  check(options.recompute !== true, where, "no `recompute`, which U-Nets have", options);
  checkImages(images, where, "images");
  check(images.shape[3] === channels, where, `images of ${channels} channels`, images);
}

/** From a damaged file, more would take for ever. */
const MOST_BLOCKS = 1000;

/** Throws unless `blocks` lists a positive number of blocks for one stage or more. */
export function checkBlocks(blocks: readonly number[], where: string): void {
  check(Array.isArray(blocks) && blocks.length > 0, where, "blocks to list one number a stage", blocks);
  let total = 0;
  for (const count of blocks) {
    checkPositiveInteger(count, where, "every entry of blocks");
    total += count;
  }
  check(total <= MOST_BLOCKS, where, `at most ${MOST_BLOCKS} blocks`, total);
}

/** The stage counts of a published `depth`. */
export function blocksOfDepth(
  depth: number,
  published: ReadonlyMap<number, readonly number[]>,
  where: string,
): readonly number[] {
  const blocks = published.get(depth);
  check(blocks !== undefined, where, `depth among ${[...published.keys()].join(", ")}`, depth);
  return blocks;
}
