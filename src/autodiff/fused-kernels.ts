// Fused kernels: operations of this library that an engine may have one kernel for, in place of the kernels that they are
// made of. This table is all that who calls them (src/models, src/training) and who has them (src/backends) agree upon.

/** How a filter passes over its images. */
export interface Passage {
  readonly stride: 1 | 2;
  /** Zeros on all sides, or as TensorFlow has them, at the end first. */
  readonly border: number | "same";
  /** Each pixel of the image stands for four. */
  readonly upsampled: boolean;
}

interface BatchNorm {
  /** Whether numbers below zero become zero. */
  readonly relu: boolean;
  /** Added to the variance. */
  readonly epsilon: number;
}

/**
 * The attributes of those with a gradient. They take `input0`, `input1`, ... and give the value, then what the gradient
 * needs besides. `${name}Gradient`, which has the same attributes, takes `dy`, the inputs or none of them, and the rest as
 * `extra0`, ...; it gives one gradient per input.
 */
interface WithGradient {
  /** q, k, v [B, N, C]; extra: each query's largest score and 1 / the sum of its unscaled weights, [B, N, 2]. */
  readonly Attention: { readonly scale: number };
  /** x [B, H, W, C], gamma [C], beta [C]; extra: mean and 1 / standard deviation, [B, groups]. `activate` is SiLU. */
  readonly GroupNorm: { readonly groups: number; readonly epsilon: number; readonly activate: boolean };
  /** x [B, H, W, C], gamma [C], beta [C]; extra: mean and variance of the batch, [C]. */
  readonly BatchNorm: BatchNorm;
  /** x [B, H, W, C], gamma, beta, mean, variance [C], and perhaps what is added before the ReLU, of x's shape. */
  readonly FixedBatchNorm: BatchNorm;
  /** x [B, H, W, C], and [B, C] if `perSample`, else [C]. Its gradient takes dy alone. */
  readonly AddPerChannel: { readonly perSample: boolean };
  /** x [B, height, width, C] to [B, 1, 1, C]. Its gradient takes dy alone. */
  readonly PixelMean: { readonly height: number; readonly width: number };
}

/** The attributes of the others. */
interface Plain {
  /** x, the filter, then what of `bias` [C], `rows` [B, C] and `residual` is added, as `input0`, ...; to the sum. */
  readonly Convolve: Passage & Readonly<Record<"bias" | "rows" | "residual", boolean>>;
  /** `dy`, `filter`, and x's shape to the gradient of x. */
  readonly ConvolveInputGradient: Passage & { readonly shape: readonly number[] };
  /** `x`, `dy`, and the filter's shape to its gradient. */
  readonly ConvolveFilterGradient: Passage & { readonly shape: readonly number[] };
  /** Rows of weight, gradient, expAvg, expAvgSq; each to the new weight, expAvg and expAvgSq (src/training/adam.ts). */
  readonly Adam: Readonly<
    Record<"stepSize" | "bias2" | "keep2" | "take1" | "take2" | "epsilon" | "shrink" | "decay", number>
  >;
  /** Rows of weight, gradient, momentum; each to the new weight and momentum (src/training/sgd.ts). */
  readonly Sgd: Readonly<Record<"rate" | "keep" | "decay", number>>;
  /** Rows of average, weight; each to average keep + weight take. */
  readonly Ema: Readonly<Record<"keep" | "take", number>>;
  /** A scalar and tensors; each tensor times the scalar. */
  readonly Scale: Readonly<Record<string, never>>;
  /** Tensors to the sum of the squares of all their numbers. */
  readonly SumOfSquares: Readonly<Record<string, never>>;
}

/** A kernel with a gradient: the name without `Gradient`. */
export type WithGradientName = keyof WithGradient;

/** The attributes of each fused kernel, by the name it is registered under. */
export type FusedKernels = WithGradient &
  Plain & { readonly [K in WithGradientName as `${K}Gradient`]: WithGradient[K] };

/** The name of a fused kernel. */
export type FusedName = keyof FusedKernels;

/** A call of one, but for its inputs. */
export interface Fused<K extends FusedName> {
  readonly kernel: K;
  readonly attrs: FusedKernels[K];
}

/** A call of any with a gradient. */
export type FusedWithGradient = { readonly [K in WithGradientName]: Fused<K> }[WithGradientName];

/** The call of the gradient's kernel. */
export function gradientOf<K extends WithGradientName>({ kernel, attrs }: Fused<K>): Fused<`${K}Gradient`> {
  return { kernel: `${kernel}Gradient`, attrs: attrs as FusedKernels[`${K}Gradient`] };
}
