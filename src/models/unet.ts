import * as tf from "../tfjs.js";
import { check, checkImages, checkLabels, checkTimes } from "../check.js";
import type { Rng } from "../rng.js";
import type { Labels, Params, Times } from "../types.js";
import { attention } from "./attention.js";
import { groupNormSilu, silu } from "./group-norm.js";
import { conv2d, dropout, linear, upsampledConv2d } from "./layers.js";
import { checkApplyOptions, type ApplyOptions, type DenoiserInput, type Network } from "./network.js";
import { checkParams, initParams } from "./params.js";
import { recompute } from "../autodiff/recompute.js";
import { timeEmbedding } from "./time-embedding.js";
import { checkImageShape, unetConfig, type UnetConfig, type UnetOptions } from "./unet-config.js";
import { unetPlan, unetSpecs, type UnetPlan, type UnetStep } from "./unet-plan.js";

/** A U-Net takes its labels or leaves them out, also before the options: `apply(params, zt, times, { train })`. */
export type Unet = Network<DenoiserInput | readonly [zt: tf.Tensor4D, times: Times], tf.Tensor4D, UnetConfig>;

/**
 * The U-Net of the paper's released code (the architecture of Ho et al. 2020, arXiv 2006.11239, appendix B):
 * residual blocks with group norm and SiLU, self-attention at chosen levels, a sinusoidal time embedding.
 * Weights carry the names of the authors' state dict; layouts are HWIO and [in, out].
 *
 * `apply(params, zt, times, labels?, { train?, recompute? }?)` maps images [B, H, W, C] and one time in [0, 1] per sample to
 * a tensor of zt's shape. H and W must be divisible by 2 ** (multipliers.length - 1). Labels left out, or -1,
 * stand for no class (a zero one-hot vector).
 *
 * @param options widths, levels and time scale, see {@link UnetOptions}; unknown keys are errors
 * @returns the network; `config` is `options` with all defaults filled in
 * @throws if a field is missing, unknown or impossible; `apply` if inputs or weights do not fit
 * @example
 * ```ts
 * import { createRng, disposeParams, noise, unet } from "cfd-distill";
 * // The paper's size: channels 128, multipliers [1, 2, 2, 2], attention [1], blocks 2, timeScale 1024.
 * const network = unet({ channels: 4, multipliers: [1, 2], attention: [1], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const zt = noise([1, 2], [4, 4, 3]);
 * const prediction = network.apply(params, zt, [0.5, 1]);
 * console.log(prediction.shape); // [2, 4, 4, 3]
 * zt.dispose();
 * prediction.dispose();
 * disposeParams(params);
 * ```
 */
export function unet(options: UnetOptions): Unet {
  const config = unetConfig(options);
  const plan = unetPlan(config);
  const specs = unetSpecs(config);
  return {
    config,
    init: (rng) => initParams(specs, rng),
    apply(params, ...input) {
      const [zt, times] = input;
      const { labels, train, recompute } = readRest(
        input.slice(2) as readonly (Labels | ApplyOptions | undefined)[],
      );
      checkInput(zt, config);
      checkTimes(times, zt.shape[0], WHERE);
      checkClasses(labels, zt.shape[0], config.classes);
      checkParams(params, specs, WHERE);
      return tf.tidy(() => {
        const embedding = embed(params, times, labels, config);
        return run(plan, zt, { params, config, rng: train?.rng, embedding, recompute });
      });
    },
  };
}

const WHERE = "unet.apply";

/** What every block sees besides the image. */
interface Context {
  readonly params: Params;
  readonly config: UnetConfig;
  /** Draws dropout masks; undefined in inference mode. */
  readonly rng: Rng | undefined;
  /** SiLU of the time (and class) embedding, [B, 4 channels]. */
  readonly embedding: tf.Tensor2D;
  /** Whether the backward pass computes the blocks again. */
  readonly recompute: boolean | undefined;
}

/** Labels may be left out before the options. */
function readRest(rest: readonly (Labels | ApplyOptions | undefined)[]): ApplyOptions & { labels?: Labels } {
  const isLabels = (value: unknown) => Array.isArray(value) || ArrayBuffer.isView(value);
  const labels = rest.find((value): value is Labels => isLabels(value));
  const options = rest.find((value): value is ApplyOptions => value !== undefined && !isLabels(value));
  if (options !== undefined) checkApplyOptions(options, WHERE);
  return { ...options, ...(labels && { labels }) };
}

function run({ down, middle, up }: UnetPlan, zt: tf.Tensor4D, context: Context): tf.Tensor4D {
  const { params, config } = context;
  let h = conv2d(zt, params, "head");
  const skips = [h];
  for (const step of down) {
    h = applyStep(step, h, context);
    skips.push(h);
  }
  for (const step of middle) h = replace(h, skips, applyStep(step, h, context));
  for (const step of up) {
    const skip = step.kind === "block" ? skips.pop()! : undefined;
    const next = applyStep(step, h, context, skip);
    h = replace(h, skips, next);
    skip?.dispose();
  }
  return tf.tidy(() => conv2d(groupNormSilu(h, params, "tail.0", config), params, "tail.2"));
}

/** Frees `old`, which nothing but a skip may still need, so that inference holds little at a time. */
function replace(old: tf.Tensor4D, skips: readonly tf.Tensor4D[], next: tf.Tensor4D): tf.Tensor4D {
  if (!skips.includes(old)) old.dispose();
  return next;
}

function applyStep(step: UnetStep, h: tf.Tensor4D, context: Context, skip?: tf.Tensor4D): tf.Tensor4D {
  const { params } = context;
  return tf.tidy(() => {
    switch (step.kind) {
      case "block":
        return block(step, skip === undefined ? [h] : [h, skip], context);
      case "halve":
        return conv2d(h, params, `${step.name}.main`, { stride: 2, padding: context.config.halvingPadding });
      case "double":
        return upsampledConv2d(h, params, `${step.name}.main`);
    }
  });
}

type Block = Extract<UnetStep, { kind: "block" }>;

/** A residual block of the channels of all `parts`. */
function block(step: Block, parts: readonly tf.Tensor4D[], context: Context): tf.Tensor4D {
  const { embedding, rng } = context;
  if (!context.recompute) return residualBlock(step, parts, context);
  const params = Object.fromEntries(
    Object.entries(context.params).filter(([name]) => name.startsWith(`${step.name}.`)),
  );
  return recompute(
    ([time, ...images], stream) =>
      residualBlock(step, images, { ...context, params, embedding: time, rng: stream }),
    { inputs: [embedding, ...parts], params, rng },
  );
}

function residualBlock(
  { name, from, to, attention: attends }: Block,
  parts: readonly tf.Tensor4D[],
  { params, config, rng, embedding }: Context,
): tf.Tensor4D {
  // The copy of a single part sums the block's own gradients before a skip's join them, as a recomputed block does.
  const x = parts.length > 1 ? tf.concat([...parts], 3) : parts[0]!.clone();
  const rows = linear(embedding, params, `${name}.temb_proj.1`);
  let h = conv2d(groupNormSilu(x, params, `${name}.block1.0`, config), params, `${name}.block1.2`, { rows });
  h = groupNormSilu(h, params, `${name}.block2.0`, config);
  if (rng !== undefined) h = dropout(h, config.dropout, rng);
  const residual = from === to ? x : conv2d(x, params, `${name}.shortcut`);
  h = conv2d(h, params, `${name}.block2.3`, { residual });
  return attends ? attention(h, params, `${name}.attn`, config) : h;
}

/** SiLU of the embedding of times and, if the network knows classes, labels: what each block projects. */
function embed(params: Params, times: Times, labels: Labels | undefined, config: UnetConfig): tf.Tensor2D {
  const { channels, classes } = config;
  return tf.tidy(() => {
    const time = timeEmbedding(times, params, { ...config, width: channels });
    if (classes === undefined) return silu(time);
    const oneHot = new Float32Array(times.length * classes);
    labels?.forEach((label, i) => {
      if (label >= 0) oneHot[i * classes + label] = 1;
    });
    const label = linear(tf.tensor2d(oneHot, [times.length, classes]), params, "y_embedding");
    return silu(tf.add(time, label));
  });
}

function checkInput(zt: tf.Tensor4D, config: UnetConfig): void {
  checkImages(zt, WHERE, "zt");
  checkImageShape(zt.shape.slice(1), config, WHERE, "zt");
}

function checkClasses(labels: Labels | undefined, batch: number, classes: number | undefined): void {
  if (labels === undefined) return;
  check(classes !== undefined, WHERE, "no labels, as the network is unconditional", labels);
  checkLabels(labels, batch, WHERE);
  const unknown = labels.find((label) => label >= classes);
  check(unknown === undefined, WHERE, `every label below ${classes}`, unknown);
}
