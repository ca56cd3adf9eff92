import * as tf from "../tfjs.js";
import { check } from "../check.js";
import type { Fused } from "../autodiff/fused-kernels.js";
import { canFuse } from "../autodiff/run-fused.js";
import type { Params } from "../types.js";
import { addPerChannel, addSame, pixelMean } from "./channelwise.js";
import { differentiable, fusedOr } from "../autodiff/custom-gradient.js";
import { ones, zeros } from "./initialisers.js";
import type { ApplyOptions } from "./network.js";
import { param, type ParamSpecs } from "./params.js";

const EPSILON = 1e-5; // PyTorch's default
const MOMENTUM = 0.1; // the share of the new batch in the running statistics; PyTorch's default

/** What a batch norm declares: scale and offset, and running statistics that no gradient reaches. */
export function batchNormSpecs(name: string, channels: number): ParamSpecs {
  const shape = [channels];
  return {
    [`${name}.weight`]: { shape, initialise: ones },
    [`${name}.bias`]: { shape, initialise: zeros },
    [`${name}.running_mean`]: { shape, initialise: (rng) => frozen(zeros(rng, shape)) },
    [`${name}.running_var`]: { shape, initialise: (rng) => frozen(ones(rng, shape)) },
  };
}

/** Whether a weight of this name is one of batch norm's running statistics. */
export function isRunningStatistic(name: string): boolean {
  return /\.running_(mean|var)$/.test(name);
}

/** The variable as one that gradients and optimisers skip. */
function frozen(variable: tf.Variable): tf.Variable {
  variable.trainable = false;
  return variable;
}

/**
 * Batch normalisation of x [B, H, W, C] under `${name}.{weight,bias,running_mean,running_var}`. Ioffe & Szegedy 2015,
 * alg. 1 and 2. With `train` it uses the batch's statistics and updates the running ones in place.
 */
export function batchNorm(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: ApplyOptions = {},
): tf.Tensor4D {
  return normalise(x, params, name, { ...options, relu: false });
}

/** ReLU of batch normalisation. Of the values in between the tape keeps x and the result at most. */
export function batchNormRelu(
  x: tf.Tensor4D,
  params: Params,
  name: string,
  options: ApplyOptions = {},
): tf.Tensor4D {
  return normalise(x, params, name, { ...options, relu: true });
}

/** ReLU of the sum of `other` and the batch normalisation of x. */
export function batchNormAddRelu(
  [x, other]: readonly [tf.Tensor4D, tf.Tensor4D],
  params: Params,
  name: string,
  options: ApplyOptions = {},
): tf.Tensor4D {
  if (options.train) return tf.tidy(() => tf.relu(addSame(batchNorm(x, params, name, options), other)));
  const { gamma, beta, mean, variance } = weightsOf(params, name);
  const composed = (input: tf.Tensor4D, ...[g, b, m, v, o]: [...Weights, tf.Tensor4D]) =>
    tf.relu(addSame(fixed(input, [g, b, m, v], false), o));
  return tf.tidy(() => fusedOr(composed, fusedFixed(true), x, gamma, beta, mean, variance, other));
}

interface Options extends ApplyOptions {
  readonly relu: boolean;
}

function normalise(x: tf.Tensor4D, params: Params, name: string, { train, relu }: Options): tf.Tensor4D {
  const { gamma, beta, mean, variance } = weightsOf(params, name);
  if (!train) {
    const composed = (input: tf.Tensor4D, ...weights: Weights) => fixed(input, weights, relu);
    return tf.tidy(() => fusedOr(composed, fusedFixed(relu), x, gamma, beta, mean, variance));
  }
  const count = x.size / x.shape[3];
  check(count > 1, "batchNorm", `more than one value per channel in ${name}, in training mode`, x);
  const observe = (batchMean: tf.Tensor, batchVariance: tf.Tensor) => {
    update(mean, batchMean);
    // Alg. 2: the running variance is the unbiased one, unlike the one that normalises.
    update(variance, tf.mul(batchVariance, count / (count - 1)));
  };
  return tf.tidy(() => {
    const fused = { kernel: "BatchNorm", attrs: { relu, epsilon: EPSILON } } as const;
    const composed = (seen?: typeof observe) => (input: tf.Tensor4D, g: tf.Tensor, b: tf.Tensor) =>
      shifted(standardise(input, g, seen), b, relu);
    // The gradient of a gradient runs the composition again, which must not count as a forward pass.
    return canFuse(fused.kernel, [x, gamma, beta])
      ? fusedOr(composed(), { ...fused, observe }, x, gamma, beta)
      : composed(observe)(x, gamma, beta);
  });
}

function weightsOf(params: Params, name: string) {
  return {
    gamma: param(params, `${name}.weight`),
    beta: param(params, `${name}.bias`),
    mean: param(params, `${name}.running_mean`),
    variance: param(params, `${name}.running_var`),
  };
}

type Weights = [gamma: tf.Tensor, beta: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor];

const fusedFixed = (relu: boolean): Fused<"FixedBatchNorm"> => ({
  kernel: "FixedBatchNorm",
  attrs: { relu, epsilon: EPSILON },
});

/** With given statistics it is x scale + shift. */
function fixed(x: tf.Tensor4D, [gamma, beta, mean, variance]: Weights, relu: boolean): tf.Tensor4D {
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, EPSILON)));
  // `tf.mul` computes the scale's gradient only if somebody asks for it; with a frozen classifier nobody does.
  return shifted(tf.mul<tf.Tensor4D>(x, scale), tf.sub(beta, tf.mul(mean, scale)), relu);
}

function shifted(x: tf.Tensor4D, shift: tf.Tensor, relu: boolean): tf.Tensor4D {
  return relu ? shiftRelu(x, shift) : addPerChannel(x, shift);
}

/** gamma (x - mean) / sqrt(variance + epsilon) with the batch's statistics, which `observe` sees. */
function standardise(
  x: tf.Tensor4D,
  gamma: tf.Tensor,
  observe?: (mean: tf.Tensor, variance: tf.Tensor) => void,
): tf.Tensor4D {
  const count = x.size / x.shape[3];
  const operation = {
    keep: "inputs",
    forward: (input: tf.Tensor4D, weight: tf.Tensor) => {
      const { mean, variance, centred, inverse } = moments(input);
      observe?.(tf.reshape(mean, [-1]), tf.reshape(variance, [-1]));
      return tf.mul<tf.Tensor4D>(centred, tf.mul(inverse, weight));
    },
    backward: (dy: tf.Tensor4D, input: tf.Tensor4D, weight: tf.Tensor) => {
      const { centred, inverse } = moments(input);
      const normal: tf.Tensor4D = tf.mul(centred, inverse);
      const dyNormal = channelMeans(tf.mul(dy, normal));
      // dx = gamma inverse (dy - mean(dy) - normal mean(dy normal)), means over the batch and its pixels.
      const centredDy = tf.sub(tf.sub(dy, channelMeans(dy)), tf.mul(normal, dyNormal));
      return [tf.mul(centredDy, tf.mul(inverse, weight)), tf.mul(tf.reshape(dyNormal, [-1]), count)];
    },
  } as const;
  return differentiable(operation, x, gamma);
}

/** Statistics over images and pixels, [1, 1, 1, C]. */
function moments(x: tf.Tensor4D) {
  const mean = channelMeans(x);
  const centred: tf.Tensor4D = tf.sub(x, mean);
  const variance = channelMeans(tf.square(centred));
  return { mean, variance, centred, inverse: tf.rsqrt(tf.add(variance, EPSILON)) };
}

/** max(x + shift, 0), keeping only the result, which the next layer keeps anyway. */
function shiftRelu(x: tf.Tensor4D, shift: tf.Tensor): tf.Tensor4D {
  const operation = tf.customGrad<tf.Tensor4D>((...parts) => {
    const save = parts[2] as unknown as (tensors: tf.Tensor[]) => void;
    const value = tf.relu(tf.add<tf.Tensor4D>(x, shift));
    save([value]);
    const gradFunc = (dy: tf.Tensor4D, saved: tf.Tensor[]) =>
      tf.tidy(() => {
        const masked = tf.mul<tf.Tensor4D>(dy, tf.step(saved[0]!));
        const sums = tf.mul(tf.reshape(channelMeans(masked), [-1]), masked.size / masked.shape[3]);
        return [masked, sums];
      });
    return { value, gradFunc };
  });
  return operation(x, shift);
}

/** The mean over images and pixels: [B, H, W, C] to [1, 1, 1, C]. */
function channelMeans(x: tf.Tensor4D): tf.Tensor4D {
  return tf.mean(pixelMean(x), 0, true);
}

function update(variable: tf.Variable, batch: tf.Tensor): void {
  variable.assign(tf.add(tf.mul(variable, 1 - MOMENTUM), tf.mul(batch, MOMENTUM)));
}
