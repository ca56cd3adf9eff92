import * as tf from "../tfjs.js";
import { MOST } from "../bounds.js";
import { check, checkImages, checkNamed, checkOptions, checkPositiveInteger, isNumber } from "../check.js";
import type { ClassifierOutput, Params } from "../types.js";
import { pixelMean } from "./channelwise.js";
import { torchUniform } from "./initialisers.js";
import { linear } from "./layers.js";
import { checkApplyOptions, type ClassifierApplyOptions } from "./network.js";
import type { ParamSpec, ParamSpecs } from "./params.js";

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

/** Activations [B, H, W, width] averaged over pixels are features [B, width]. */
export function pooled(activations: tf.Tensor4D): tf.Tensor2D {
  const [batch, , , width] = activations.shape;
  return tf.reshape(pixelMean(activations), [batch, width]);
}

/** The features of the last activations [B, H, W, width], and their linear layer, the logits. */
export function head(activations: tf.Tensor4D, params: Params): ClassifierOutput {
  const features = pooled(activations);
  return { features, logits: linear(features, params, "fc") };
}

/** Throws unless `images` fit the network, and it has the stages whose features are asked for. */
export function checkClassifierInput(
  images: tf.Tensor4D,
  { channels, stages = 1 }: { readonly channels: number; readonly stages?: number },
  where: string,
  options: ClassifierApplyOptions = {},
): void {
  checkApplyOptions(options, where, { layers: true });
  // A second run of a block would update batch norm's statistics twice.
  check(options.recompute !== true, where, "no `recompute`, which U-Nets have", options);
  const { layers = 1 } = options;
  const expected = stages === 1 ? "no `layers` but the last" : `layers from 1 to ${stages}, its stages`;
  check(Number.isInteger(layers) && isNumber(layers, 1, stages), where, expected, layers);
  checkImages(images, where, "images");
  check(images.shape[3] === channels, where, `images of ${channels} channels`, images);
}

/** Throws unless `blocks` lists a positive number of blocks for one stage or more. */
export function checkBlocks(blocks: readonly number[], where: string): void {
  check(Array.isArray(blocks) && blocks.length > 0, where, "blocks to list one number a stage", blocks);
  check(blocks.length <= MOST.levels, where, `at most ${MOST.levels} stages`, blocks.length);
  let total = 0;
  for (const count of blocks) {
    checkPositiveInteger(count, where, "every entry of blocks");
    total += count;
  }
  check(total <= MOST.blocks, where, `at most ${MOST.blocks} blocks`, total);
}

/** What the configs of all classifiers have. */
interface ClassifierConfig {
  readonly type: string;
  readonly blocks: readonly number[];
  readonly classes: number;
  readonly imageChannels: number;
}

const DEPTH_OPTIONS = { depth: true, classes: true, imageChannels: true } as const;

/** What options say of a config: a published depth, of which `ofDepth` knows the rest, or parts among `names`. */
export function givenParts<C extends ClassifierConfig>(
  options: object,
  type: C["type"],
  names: Readonly<Record<keyof C, true>>,
  ofDepth: (depth: number) => Partial<C>,
): Partial<C> {
  checkNamed(options, type, "an object of options");
  const given = options as Partial<C> & { readonly depth?: number };
  const { depth, classes, imageChannels } = given;
  checkOptions<object>(type, options, depth === undefined ? names : DEPTH_OPTIONS);
  if (depth === undefined) return given;
  return { ...ofDepth(depth), classes, imageChannels };
}

/** The config in a copy of its own, what all classifiers have of it in range; the rest is its builder's to check. */
export function checkedConfig<C extends ClassifierConfig>(config: C, type: C["type"]): C {
  check(config.type === type, type, `type "${type}"`, config.type);
  checkBlocks(config.blocks, type);
  checkPositiveInteger(config.classes, type, "classes");
  checkPositiveInteger(config.imageChannels, type, "imageChannels");
  return { ...config, blocks: [...config.blocks] };
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
