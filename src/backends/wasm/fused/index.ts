import type { FusedName } from "../../../autodiff/fused-kernels.js";
import type { Cure } from "../../engine.js";
import { kernel } from "../memory/heap.js";
import { attention, attentionGradient } from "./attention.js";
import { addPerChannel, addPerChannelGradient, pixelMean, pixelMeanGradient } from "./channelwise.js";
import { batchNorm, batchNormGradient, fixedBatchNorm, fixedBatchNormGradient } from "./batch-norm.js";
import { convolve, convolveFilterGradient, convolveInputGradient } from "./convolve.js";
import type { FusedKernel } from "./fused-kernel.js";
import { groupNorm, groupNormGradient } from "./group-norm.js";
import { adam, ema, scale, sgd, sumOfSquares } from "./updates.js";

const kernels: { readonly [K in FusedName]: FusedKernel<K> } = {
  Attention: attention,
  AttentionGradient: attentionGradient,
  GroupNorm: groupNorm,
  GroupNormGradient: groupNormGradient,
  BatchNorm: batchNorm,
  BatchNormGradient: batchNormGradient,
  FixedBatchNorm: fixedBatchNorm,
  FixedBatchNormGradient: fixedBatchNormGradient,
  AddPerChannel: addPerChannel,
  AddPerChannelGradient: addPerChannelGradient,
  PixelMean: pixelMean,
  PixelMeanGradient: pixelMeanGradient,
  Convolve: convolve,
  ConvolveInputGradient: convolveInputGradient,
  ConvolveFilterGradient: convolveFilterGradient,
  Adam: adam,
  Sgd: sgd,
  Ema: ema,
  Scale: scale,
  SumOfSquares: sumOfSquares,
};

/** This library's own operations, one kernel each. */
export const fused: readonly Cure[] = Object.entries(kernels).map(([name, run]) => ({
  kernel: name,
  why: "an operation of this library in one kernel, with fewer passes over memory",
  build: () => kernel<never>(run),
}));
