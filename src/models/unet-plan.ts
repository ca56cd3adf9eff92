import { torchUniform, ones, xavierUniform, zeros } from "./initialisers.js";
import { boundedSpecs, type ParamSpec, type ParamSpecs } from "./params.js";
import type { UnetConfig } from "./unet-config.js";

/** One step of the U-Net, by the name its weights start with. */
export type UnetStep =
  | {
      readonly kind: "block";
      readonly name: string;
      readonly from: number;
      readonly to: number;
      readonly attention: boolean;
    }
  | { readonly kind: "halve" | "double"; readonly name: string; readonly width: number };

/** The U-Net as three lists of steps; both its weights and its forward pass are read off them. */
export interface UnetPlan {
  readonly down: readonly UnetStep[];
  readonly middle: readonly UnetStep[];
  readonly up: readonly UnetStep[];
}

type WithoutName = UnetStep extends infer S ? (S extends UnetStep ? Omit<S, "name"> : never) : never;

/**
 * The authors' order: each step down leaves a skip, each block up takes one. Ho et al. 2020, appendix B.
 */
export function unetPlan({ channels, multipliers, attention, blocks }: UnetConfig): UnetPlan {
  const down: WithoutName[] = [];
  const up: WithoutName[] = [];
  const skips = [channels];
  let width = channels;
  const block = (from: number, to: number, level: number): WithoutName => {
    width = to;
    return { kind: "block", from, to, attention: attention.includes(level) };
  };
  multipliers.forEach((multiplier, level) => {
    for (let i = 0; i < blocks; i++) {
      down.push(block(width, channels * multiplier, level));
      skips.push(width);
    }
    if (level === multipliers.length - 1) return;
    down.push({ kind: "halve", width });
    skips.push(width);
  });
  const middle = [true, false].map((attends): WithoutName => {
    return { kind: "block", from: width, to: width, attention: attends };
  });
  for (let level = multipliers.length - 1; level >= 0; level--) {
    const to = channels * multipliers[level]!;
    for (let i = 0; i <= blocks; i++) up.push(block(width + skips.pop()!, to, level));
    if (level > 0) up.push({ kind: "double", width });
  }
  return {
    down: named(down, "downblocks"),
    middle: named(middle, "middleblocks"),
    up: named(up, "upblocks"),
  };
}

function named(steps: readonly WithoutName[], list: string): UnetStep[] {
  return steps.map((step, i) => ({ ...step, name: `${list}.${i}` }));
}

/**
 * Every weight of the U-Net under its name in the authors' state dict. Xavier-uniform with zero biases; gain 1e-5
 * on each block's last convolution and on the tail's (Ho et al. 2020, released code: last layers start near 0).
 */
export function unetSpecs(config: UnetConfig): ParamSpecs {
  const { channels, imageChannels, classes, multipliers } = config;
  const { down, middle, up } = unetPlan(config);
  const embedding = 4 * channels;
  const last = channels * multipliers[0]!;
  const specs = {
    ...dense("time_embedding.timembedding.1", channels, embedding),
    ...dense("time_embedding.timembedding.3", embedding, embedding),
    ...(classes === undefined ? {} : labelEmbedding(classes, embedding)),
    ...convolution("head", 3, imageChannels, channels),
    ...(Object.assign(
      {},
      ...[...down, ...middle, ...up].map((step) => stepSpecs(step, embedding)),
    ) as ParamSpecs),
    ...norm("tail.0", last),
    ...convolution("tail.2", 3, last, imageChannels, NEARLY_ZERO),
  };
  return boundedSpecs(specs, "unet");
}

const NEARLY_ZERO = 1e-5;

function stepSpecs(step: UnetStep, embedding: number): ParamSpecs {
  if (step.kind !== "block") return convolution(`${step.name}.main`, 3, step.width, step.width);
  const { name, from, to } = step;
  return {
    ...norm(`${name}.block1.0`, from),
    ...convolution(`${name}.block1.2`, 3, from, to),
    ...dense(`${name}.temb_proj.1`, embedding, to),
    ...norm(`${name}.block2.0`, to),
    ...convolution(`${name}.block2.3`, 3, to, to, NEARLY_ZERO),
    ...(from === to ? {} : convolution(`${name}.shortcut`, 1, from, to)),
    ...(step.attention ? attentionSpecs(`${name}.attn`, to) : {}),
  };
}

function attentionSpecs(name: string, width: number): ParamSpecs {
  const projections = ["proj_q", "proj_k", "proj_v", "proj"];
  return {
    ...norm(`${name}.group_norm`, width),
    ...(Object.assign(
      {},
      ...projections.map((p) => convolution(`${name}.${p}`, 1, width, width)),
    ) as ParamSpecs),
  };
}

function convolution(name: string, kernel: number, from: number, to: number, gain = 1): ParamSpecs {
  return withBias(name, [kernel, kernel, from, to], gain);
}

function dense(name: string, from: number, to: number): ParamSpecs {
  return withBias(name, [from, to], 1);
}

function withBias(name: string, shape: readonly number[], gain: number): ParamSpecs {
  const weight: ParamSpec = { shape, initialise: (rng, s) => xavierUniform(rng, s, gain) };
  return { [`${name}.weight`]: weight, [`${name}.bias`]: { shape: shape.slice(-1), initialise: zeros } };
}

/** The one layer that the authors leave at PyTorch's default. */
function labelEmbedding(classes: number, embedding: number): ParamSpecs {
  return {
    "y_embedding.weight": { shape: [classes, embedding], initialise: (rng, s) => torchUniform(rng, s) },
    "y_embedding.bias": { shape: [embedding], initialise: (rng, s) => torchUniform(rng, s, classes) },
  };
}

function norm(name: string, width: number): ParamSpecs {
  return {
    [`${name}.weight`]: { shape: [width], initialise: ones },
    [`${name}.bias`]: { shape: [width], initialise: zeros },
  };
}
