import * as tf from "../tfjs.js";
import { check, checkPositiveInteger } from "../check.js";
import type { ClassifierOutput, Params } from "../types.js";
import { batchNorm, batchNormAddRelu, batchNormRelu, batchNormSpecs } from "./batch-norm.js";
import {
  blocksOfDepth,
  checkClassifierInput,
  checkedConfig,
  convSpec,
  givenParts,
  head,
  headSpecs,
  mergeSpecs,
  pooled,
} from "./classifier-parts.js";
import { kaimingNormalFanOut } from "./initialisers.js";
import { conv2d } from "./layers.js";
import type { ApplyOptions, ClassifierApplyOptions, ClassifierNetwork } from "./network.js";
import { boundedSpecs, checkParams, initParams, type ParamSpecs } from "./params.js";

/** A ResNet, written out. Stage i has `blocks[i]` blocks of `width` * 2^i channels; from the second on it halves the size. */
export interface ResNetConfig {
  readonly type: "resnet";
  /** Blocks per stage. */
  readonly blocks: readonly number[];
  /** Channels of the stem and of the first stage. */
  readonly width: number;
  /** Blocks of 1x1, 3x3, 1x1 convolutions with four times as many channels at the end, instead of two 3x3. */
  readonly bottleneck: boolean;
  /** Where sizes differ: a 1x1 convolution (option B), or subsampling and channels of zeros (option A). */
  readonly shortcut: "projection" | "pad";
  readonly classes: number;
  readonly imageChannels: number;
}

/** A published depth, or the parts of {@link ResNetConfig}. */
export type ResNetOptions =
  | { readonly depth: 18 | 34 | 50; readonly classes: number; readonly imageChannels?: number }
  | {
      readonly type?: "resnet";
      readonly blocks: readonly number[];
      readonly width: number;
      /** Default false. */
      readonly bottleneck?: boolean;
      /** Default "projection". */
      readonly shortcut?: "projection" | "pad";
      readonly classes: number;
      /** Default 3. */
      readonly imageChannels?: number;
    };

/** A ResNet: images [B, H, W, C] to logits and features. */
export type ResNet = ClassifierNetwork<ResNetConfig>;

const DEPTHS = new Map([
  [18, [2, 2, 2, 2]],
  [34, [3, 4, 6, 3]],
  [50, [3, 4, 6, 3]],
]);

/**
 * A ResNet for small images: a 3x3 stem without stride or pooling, as the paper's authors train it on CIFAR-10. Its
 * features are the pooled activations after the last ReLU: 512 numbers at depth 18 and 34, 2048 at depth 50.
 *
 * @param options `{ depth, classes }` for ResNet-18, -34 and -50, or `{ blocks, width, classes, ... }` for any
 *   other. `{ blocks: [3, 3, 3], width: 16, shortcut: "pad", classes: 10 }` is the ResNet-20 of He et al., sec. 4.2
 * @returns the network; `config` holds the options completed. `apply(params, images)` takes images [B, H, W, C] of
 *   any size and gives `logits` [B, classes] and `features` [B, width of the last stage]; with `{ layers: n }` also
 *   `earlier`, the n - 1 stages before the last, the nearest first: the pooled activations [B, width of that stage]
 * @throws if an option is unknown, missing or out of range
 * He et al. 2015, arXiv 1512.03385, table 1 and sec. 3.3.
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { createRng, disposeParams, resnet } from "cfd-distill";
 * const network = resnet({ blocks: [1, 1], width: 4, classes: 10 });
 * const params = network.init(createRng(0));
 * const images = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
 * const { logits, features } = network.apply(params, images);
 * console.log(logits.shape, features.shape); // [2, 10], [2, 8]
 * tf.dispose([images, logits, features]);
 * disposeParams(params);
 * ```
 */
export function resnet(options: ResNetOptions): ResNet {
  const config = complete(options);
  const specs = resnetSpecs(config);
  return {
    config,
    init: (rng) => initParams(specs, rng),
    apply: (params, images, applyOptions) => {
      const expected = { channels: config.imageChannels, stages: config.blocks.length };
      checkClassifierInput(images, expected, "resnet.apply", applyOptions);
      checkParams(params, specs, "resnet.apply");
      return tf.tidy(() => forward(config, params, images, applyOptions));
    },
  };
}

/** Names, shapes and initialisers of all weights. */
export function resnetSpecs(config: ResNetConfig): ParamSpecs {
  const blocks = blocksOf(config);
  const conv = (name: string, size: number, widthIn: number, widthOut: number) =>
    convSpec(name, [size, widthIn, widthOut], kaimingNormalFanOut);
  const specs = {
    ...conv("conv1", 3, config.imageChannels, config.width),
    ...batchNormSpecs("bn1", config.width),
    ...mergeSpecs(blocks.map((block) => blockSpecs(block, config, conv))),
    ...headSpecs(blocks.at(-1)!.widthOut, config.classes),
  };
  return boundedSpecs(specs, "resnet");
}

interface Block {
  readonly name: string;
  /** 0 for the first. */
  readonly stage: number;
  /** Whether it is the first of its stage. */
  readonly begins: boolean;
  readonly widthIn: number;
  /** Channels within the block. */
  readonly width: number;
  readonly widthOut: number;
  readonly stride: 1 | 2;
  /** Whether the input has to change its shape before it can be added. */
  readonly reshapes: boolean;
}

function blocksOf({ blocks, width, bottleneck }: ResNetConfig): Block[] {
  let widthIn = width;
  return blocks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => {
      const inner = width * 2 ** stage;
      const widthOut = bottleneck ? 4 * inner : inner;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const reshapes = stride === 2 || widthIn !== widthOut;
      const place = { name: `layer${stage + 1}.${i}`, stage, begins: i === 0 };
      const block: Block = { ...place, widthIn, width: inner, widthOut, stride, reshapes };
      widthIn = widthOut;
      return block;
    }),
  );
}

type ConvSpecs = (name: string, size: number, widthIn: number, widthOut: number) => ParamSpecs;

function blockSpecs(block: Block, config: ResNetConfig, conv: ConvSpecs): ParamSpecs {
  const { name, widthIn, width, widthOut } = block;
  const layers = config.bottleneck
    ? [[1, widthIn, width] as const, [3, width, width] as const, [1, width, widthOut] as const]
    : [[3, widthIn, width] as const, [3, width, widthOut] as const];
  const specs = layers.flatMap(([size, from, to], i) => [
    conv(`${name}.conv${i + 1}`, size, from, to),
    batchNormSpecs(`${name}.bn${i + 1}`, to),
  ]);
  const projection =
    block.reshapes && config.shortcut === "projection"
      ? [conv(`${name}.downsample.0`, 1, widthIn, widthOut), batchNormSpecs(`${name}.downsample.1`, widthOut)]
      : [];
  return mergeSpecs([...specs, ...projection]);
}

function forward(
  config: ResNetConfig,
  params: Params,
  images: tf.Tensor4D,
  options: ClassifierApplyOptions = {},
): ClassifierOutput {
  const { layers = 1 } = options;
  const first = config.blocks.length - layers; // the first stage whose features are asked for
  const earlier: tf.Tensor2D[] = [];
  let h = tf.tidy(() => batchNormRelu(conv2d(images, params, "conv1"), params, "bn1", options));
  for (const block of blocksOf(config)) {
    if (block.begins && block.stage > first) earlier.unshift(pooled(h)); // what the stage before has made
    const next = tf.tidy(() => residual(block, config, params, { h, options }));
    h.dispose();
    h = next;
  }
  return layers === 1 ? head(h, params) : { ...head(h, params), earlier };
}

/** One block: ReLU of the shortcut plus the last normalisation. The authors' code puts the stride on the 3x3. */
function residual(
  block: Block,
  config: ResNetConfig,
  params: Params,
  { h, options }: { h: tf.Tensor4D; options: ApplyOptions | undefined },
): tf.Tensor4D {
  const { name, stride } = block;
  const last = config.bottleneck ? 3 : 2;
  const strided = config.bottleneck ? 2 : 1;
  const conv = (x: tf.Tensor4D, i: number) =>
    conv2d(x, params, `${name}.conv${i}`, { stride: i === strided ? stride : 1 });
  let inner = h;
  for (let i = 1; i < last; i++) inner = batchNormRelu(conv(inner, i), params, `${name}.bn${i}`, options);
  const parts = [conv(inner, last), shortcut(block, config, params, { h, options })] as const;
  return batchNormAddRelu(parts, params, `${name}.bn${last}`, options);
}

function shortcut(
  block: Block,
  config: ResNetConfig,
  params: Params,
  { h, options }: { h: tf.Tensor4D; options: ApplyOptions | undefined },
): tf.Tensor4D {
  if (!block.reshapes) return h;
  if (config.shortcut === "pad") return padChannels(h, block.widthOut);
  const name = `${block.name}.downsample`;
  return batchNorm(conv2d(h, params, `${name}.0`, { stride: block.stride }), params, `${name}.1`, options);
}

/** Option A (sec. 4.2): every second pixel, and as many channels of zeros before as after. */
function padChannels(h: tf.Tensor4D, width: number): tf.Tensor4D {
  const border = (width - h.shape[3]) / 2;
  // Pooling single pixels: the strided slice of TensorFlow.js has no gradient.
  const subsampled = tf.avgPool(h, 1, 2, "valid");
  return tf.pad(subsampled, [[0, 0], [0, 0], [0, 0], [border, border]]); // prettier-ignore
}

const PARTS = {
  type: true,
  blocks: true,
  width: true,
  bottleneck: true,
  shortcut: true,
  classes: true,
  imageChannels: true,
} as const;

/** The config of the options, complete, in range, and in a copy of its own. */
function complete(options: ResNetOptions): ResNetConfig {
  const given = givenParts<ResNetConfig>(options, "resnet", PARTS, (depth) => ({
    blocks: blocksOfDepth(depth, DEPTHS, "resnet"),
    width: 64,
    bottleneck: depth === 50,
  }));
  const { type = "resnet", bottleneck = false, shortcut = "projection", imageChannels = 3 } = given;
  const [blocks, width, classes] = [given.blocks!, given.width!, given.classes!];
  const parts = { type, blocks, width, bottleneck, shortcut, classes, imageChannels };
  const config = checkedConfig<ResNetConfig>(parts, "resnet");
  checkPositiveInteger(width, "resnet", "width");
  check(typeof bottleneck === "boolean", "resnet", "bottleneck to be true or false", bottleneck);
  const known = shortcut === "projection" || shortcut === "pad";
  check(known, "resnet", 'shortcut "projection" or "pad"', shortcut);
  const wanted = 'no bottleneck and an even width for shortcut "pad"';
  const fits = shortcut === "projection" || (!bottleneck && width % 2 === 0);
  check(fits, "resnet", wanted, `width ${width}, bottleneck ${bottleneck}`);
  return config;
}
