import type { Scalar, Tensor2D, Tensor4D, Variable } from "./tfjs.js";

/** One diffusion time per sample, in [0, 1]: 0 is data, 1 is noise. Host numbers, never tensors. */
export type Times = readonly number[];

/** One class index per sample; -1 means "no class" (a zero one-hot vector). */
export type Labels = readonly number[];

/** What a network's output stands for: the clean image, the noise, v = alpha * eps - sigma * x0, or the flow eps - x0. */
export type PredictionType = "x0" | "eps" | "v" | "flow";

/**
 * Named weights of a network. Names and nesting are those of the authors' PyTorch checkpoints
 * (`downblocks.0.block1.2.weight`), layouts are TensorFlow's (HWIO, [in, out]). Batch-norm statistics are
 * variables with `trainable: false`; gradients and optimisers skip them.
 */
export type Params = Readonly<Record<string, Variable>>;

/** Gradients (or any tensors) keyed like the trainable entries of a {@link Params}. */
export type Grads = Readonly<Record<string, import("./tfjs.js").Tensor>>;

/** What every loss returns: named scalars, `loss` being the one to differentiate. */
export type LossTerms = { readonly loss: Scalar } & Readonly<Record<string, Scalar>>;

/**
 * The variance that ancestral sampling adds in a step: "small" that of the posterior, "large" that of the way there, beta
 * (Ho et al. 2020, Section 3.2).
 */
export type Variance = "small" | "large";

/** What a `NoiseSchedule` computes. */
export interface TrainedSchedule {
  /** The share of signal power at time t in [0, 1]. */
  alphaBar(t: number): number;
  /** alpha and sigma, where variance is not preserved. */
  alphaSigma?(t: number): { readonly alpha: number; readonly sigma: number };
}

/**
 * A diffusion model: noisy images [B, H, W, C] in, the prediction its `predictionType` names out (same shape).
 * A network of ours, a `tf.LayersModel`, or a lambda with a `predictionType` property.
 */
export interface Denoiser {
  (zt: Tensor4D, times: Times, labels?: Labels): Tensor4D;
  readonly predictionType: PredictionType;
  /** What `sampleAncestral` adds if nothing else is asked for. Default "small". */
  readonly variance?: Variance;
  /** The schedule that it was trained on, if it says (`denoiser` is told, `loadDiffusers` knows): with another one it is refused. */
  readonly schedule?: TrainedSchedule;
}

/** What a classifier says of images, a row for each: logits, and the features they are linear in. */
export type ClassifierOutput = {
  /** [B, classes]. */
  readonly logits: Tensor2D;
  /** [B, width], those of the last layer. */
  readonly features: Tensor2D;
  /** The features of layers before the last, the nearest first, each [B, its width]; left out where nobody asked for them. */
  readonly earlier?: Tensor2D[];
};

/** Images [B, H, W, C] in [-1, 1] to logits and features. */
export type Classifier = (images: Tensor4D) => ClassifierOutput;
