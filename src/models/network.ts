import type { Tensor4D } from "../tfjs.js";
import { check, checkOptions } from "../check.js";
import type { Rng } from "../rng.js";
import type { ClassifierOutput, Labels, Params, Times } from "../types.js";

/** How a network is run: without `train` in inference mode; with it, dropout and batch statistics are on. */
export interface ApplyOptions {
  /** Training mode. `rng` draws the dropout masks. Batch norm then updates its running statistics in place. */
  readonly train?: { readonly rng: Rng };
  /**
   * Whether the backward pass computes each residual block again instead of keeping its intermediates (see `recompute`):
   * less memory for one more forward pass of the blocks, the same bits. U-Nets only; the classifiers refuse it.
   */
  readonly recompute?: boolean;
}

/** Throws unless `options` are {@link ApplyOptions}. */
export function checkApplyOptions(
  options: ApplyOptions,
  where: string,
  more: { layers?: true; schedule?: true } = {},
): void {
  checkOptions<object>(where, options, { train: true, recompute: true, ...more });
  const { train, recompute } = options;
  const flag = recompute === undefined || typeof recompute === "boolean";
  check(flag, where, "recompute to be true or false", recompute);
  if (train === undefined) return;
  checkOptions(where, train, { rng: true });
  check(typeof train.rng?.uniform === "function", where, "train to be { rng }, a random stream", train);
}

/**
 * A network as a plain description and two functions: nothing is stored in it, the weights are `params`.
 * `config` is plain JSON, from which `networkFromConfig` makes the same network again.
 */
export interface Network<I extends readonly unknown[], O, C = NetworkConfigBase, A = ApplyOptions> {
  readonly config: C;
  /** New weights. Equal streams give equal weights; the caller disposes them. */
  init(rng: Rng): Params;
  /** The network's output for `input`. Does not dispose its inputs; the caller owns the output. */
  apply(params: Params, ...input: readonly [...I, options?: A]): O;
}

/** What every network's config has: the name of the builder that made it. */
export interface NetworkConfigBase {
  readonly type: string;
}

/** What a diffusion network takes; labels left out stand for -1 everywhere. */
export type DenoiserInput = readonly [zt: Tensor4D, times: Times, labels?: Labels | undefined];

/** A network that {@link denoiser} turns into a {@link Denoiser}. */
export type DenoiserNetwork<C = NetworkConfigBase> = Network<DenoiserInput, Tensor4D, C>;

/** How a classifying network is run. */
export type ClassifierApplyOptions = ApplyOptions & {
  /** How many of the last stages give their features, those before the last as `earlier`. Default 1; a ResNet has more. */
  readonly layers?: number;
};

/** A network that {@link classifier} turns into a {@link Classifier}. */
export type ClassifierNetwork<C = NetworkConfigBase> = Network<
  readonly [images: Tensor4D],
  ClassifierOutput,
  C,
  ClassifierApplyOptions
>;
