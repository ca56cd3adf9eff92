import * as tf from "../tfjs.js";
import { check, checkPositiveInteger } from "../check.js";
import type { ClassifierOutput, Params } from "../types.js";
import { batchNormRelu, batchNormSpecs } from "./batch-norm.js";
import {
  blocksOfDepth,
  checkClassifierInput,
  checkedConfig,
  convSpec,
  givenParts,
  head,
  headSpecs,
  mergeSpecs,
} from "./classifier-parts.js";
import { kaimingNormal } from "./initialisers.js";
import { conv2d } from "./layers.js";
import type { ApplyOptions, ClassifierNetwork } from "./network.js";
import { boundedSpecs, checkParams, initParams, type ParamSpecs } from "./params.js";

/** A DenseNet-BC, written out. Between two blocks a transition halves channels and size. */
export interface DenseNetConfig {
  readonly type: "densenet";
  /** Channels each layer adds (the paper's k). */
  readonly growth: number;
  /** Layers per block. */
  readonly blocks: readonly number[];
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly classes: number;
  readonly imageChannels: number;
}

/** A published depth, or the parts of {@link DenseNetConfig}. */
export type DenseNetOptions =
  | { readonly depth: 121 | 169 | 201; readonly classes: number; readonly imageChannels?: number }
  | {
      readonly type?: "densenet";
      readonly growth: number;
      readonly blocks: readonly number[];
      readonly stem: number;
      readonly classes: number;
      /** Default 3. */
      readonly imageChannels?: number;
    };

/** A DenseNet: images [B, H, W, C] to logits and features. */
export type DenseNet = ClassifierNetwork<DenseNetConfig>;

const DEPTHS = new Map([
  [121, [6, 12, 24, 16]],
  [169, [6, 12, 32, 32]],
  [201, [6, 12, 48, 32]],
]);

const BOTTLENECK = 4; // a layer's inner channels, in units of `growth`; sec. 3 of the paper

/**
 * A DenseNet for small images: a 3x3 stem without stride or pooling, as the paper's authors train it on CIFAR-10. Its
 * features are the pooled activations after the last ReLU: 1024 numbers at depth 121, 1664 at 169, 1920 at 201.
 *
 * @param options `{ depth, classes }` for DenseNet-121, -169 and -201, or `{ growth, blocks, stem, classes }` for any
 *   other
 * @returns the network; `config` holds the options completed. `apply(params, images)` takes images [B, H, W, C] of
 *   any size that the transitions can halve and gives `logits` [B, classes] and `features` [B, channels at the end]
 * @throws if an option is unknown, missing or out of range, or the images are too small
 * Huang et al. 2016, arXiv 1608.06993, sec. 3 and table 1.
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { createRng, densenet, disposeParams } from "cfd-distill";
 * const network = densenet({ growth: 2, blocks: [1, 1], stem: 4, classes: 10 });
 * const params = network.init(createRng(0));
 * const images = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
 * const { logits, features } = network.apply(params, images);
 * console.log(logits.shape, features.shape); // [2, 10], [2, 5]
 * tf.dispose([images, logits, features]);
 * disposeParams(params);
 * ```
 */
export function densenet(options: DenseNetOptions): DenseNet {
  const config = complete(options);
  const specs = densenetSpecs(config);
  const smallest = 2 ** (config.blocks.length - 1);
  return {
    config,
    init: (rng) => initParams(specs, rng),
    apply: (params, images, applyOptions) => {
      checkClassifierInput(images, { channels: config.imageChannels }, "densenet.apply", applyOptions);
      checkParams(params, specs, "densenet.apply");
      const large = images.shape[1] >= smallest && images.shape[2] >= smallest;
      check(large, "densenet.apply", `images of at least ${smallest}x${smallest} pixels`, images);
      return tf.tidy(() => forward(config, params, images, applyOptions));
    },
  };
}

/** Names, shapes and initialisers of all weights. */
export function densenetSpecs(config: DenseNetConfig): ParamSpecs {
  const { growth, stem, classes, imageChannels } = config;
  const conv = (name: string, size: number, widthIn: number, widthOut: number) =>
    convSpec(name, [size, widthIn, widthOut], kaimingNormal);
  const parts = [conv("features.conv0", 3, imageChannels, stem), batchNormSpecs("features.norm0", stem)];
  let width = stem;
  for (const block of blocksOf(config)) {
    for (const layer of block.layers) {
      const inner = BOTTLENECK * growth;
      parts.push(batchNormSpecs(`${layer}.norm1`, width), conv(`${layer}.conv1`, 1, width, inner));
      parts.push(batchNormSpecs(`${layer}.norm2`, inner), conv(`${layer}.conv2`, 3, inner, growth));
      width += growth;
    }
    if (block.transition === undefined) continue;
    const halved = Math.floor(width / 2);
    parts.push(batchNormSpecs(`${block.transition}.norm`, width));
    parts.push(conv(`${block.transition}.conv`, 1, width, halved));
    width = halved;
  }
  const all = [...parts, batchNormSpecs("final_norm", width), headSpecs(width, classes)];
  return boundedSpecs(mergeSpecs(all), "densenet");
}

interface Block {
  readonly layers: readonly string[];
  /** Absent after the last block. */
  readonly transition?: string;
}

function blocksOf({ blocks }: DenseNetConfig): Block[] {
  return blocks.map((count, i) => {
    const layers = Array.from({ length: count }, (_, j) => `block${i + 1}.denselayer${j + 1}`);
    return i === blocks.length - 1 ? { layers } : { layers, transition: `trans${i + 1}` };
  });
}

type Step = (h: tf.Tensor4D) => tf.Tensor4D;

function forward(
  config: DenseNetConfig,
  params: Params,
  images: tf.Tensor4D,
  options?: ApplyOptions,
): ClassifierOutput {
  const normalise = (h: tf.Tensor4D, name: string) => batchNormRelu(h, params, name, options);
  const conv = (h: tf.Tensor4D, name: string) => conv2d(h, params, name);
  const layer = (name: string) => (h: tf.Tensor4D) => {
    const inner = conv(normalise(h, `${name}.norm1`), `${name}.conv1`);
    return tf.concat([h, conv(normalise(inner, `${name}.norm2`), `${name}.conv2`)], 3);
  };
  const transition = (name: string) => (h: tf.Tensor4D) =>
    tf.avgPool(conv(normalise(h, `${name}.norm`), `${name}.conv`), 2, 2, "valid");
  const steps: Step[] = [
    (h) => normalise(conv(h, "features.conv0"), "features.norm0"),
    ...blocksOf(config).flatMap((block) => [
      ...block.layers.map(layer),
      ...(block.transition === undefined ? [] : [transition(block.transition)]),
    ]),
    (h) => normalise(h, "final_norm"),
  ];
  let h = images;
  for (const step of steps) {
    // Without a tape every step's tensors are freed before the next one begins.
    const next = tf.tidy(() => step(h));
    if (h !== images) h.dispose();
    h = next;
  }
  return head(h, params);
}

const PARTS = {
  type: true,
  growth: true,
  blocks: true,
  stem: true,
  classes: true,
  imageChannels: true,
} as const;

/** The config of the options, complete, in range, and in a copy of its own. */
function complete(options: DenseNetOptions): DenseNetConfig {
  const given = givenParts<DenseNetConfig>(options, "densenet", PARTS, (depth) => ({
    growth: 32,
    blocks: blocksOfDepth(depth, DEPTHS, "densenet"),
    stem: 64,
  }));
  const { type = "densenet", imageChannels = 3 } = given;
  const [growth, blocks, stem, classes] = [given.growth!, given.blocks!, given.stem!, given.classes!];
  const config = checkedConfig<DenseNetConfig>(
    { type, growth, blocks, stem, classes, imageChannels },
    "densenet",
  );
  checkPositiveInteger(growth, "densenet", "growth");
  checkPositiveInteger(stem, "densenet", "stem");
  return config;
}
