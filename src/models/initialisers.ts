import * as tf from "../tfjs.js";
import type { Rng } from "../rng.js";

/**
 * Uniform in ±gain sqrt(6 / (fanIn + fanOut)). Glorot & Bengio 2010, eq. 16, with PyTorch's gain.
 * Weights are HWIO or [in, out].
 */
export function xavierUniform(rng: Rng, shape: readonly number[], gain = 1): tf.Variable {
  const { fanIn, fanOut } = fans(shape);
  return uniform(rng, shape, gain * Math.sqrt(6 / (fanIn + fanOut)));
}

/** Normal with variance 2 / fanIn, for layers before a ReLU. He et al. 2015 (arXiv 1502.01852), eq. 10. */
export function kaimingNormal(rng: Rng, shape: readonly number[]): tf.Variable {
  return normal(rng, shape, Math.sqrt(2 / fans(shape).fanIn));
}

/** Normal with variance 2 / fanOut, the same for the backward pass. He et al. 2015, eq. 14. */
export function kaimingNormalFanOut(rng: Rng, shape: readonly number[]): tf.Variable {
  return normal(rng, shape, Math.sqrt(2 / fans(shape).fanOut));
}

/**
 * Uniform in ±1 / sqrt(fanIn): what PyTorch gives a linear layer's weight and bias if nothing else is asked
 * for. A bias passes its layer's fanIn, a weight leaves it to its shape.
 */
export function torchUniform(rng: Rng, shape: readonly number[], fanIn = fans(shape).fanIn): tf.Variable {
  return uniform(rng, shape, 1 / Math.sqrt(fanIn));
}

export function zeros(_: Rng, shape: readonly number[]): tf.Variable {
  return variable(new Float32Array(size(shape)), shape);
}

export function ones(_: Rng, shape: readonly number[]): tf.Variable {
  return variable(new Float32Array(size(shape)).fill(1), shape);
}

function normal(rng: Rng, shape: readonly number[], deviation: number): tf.Variable {
  const values = rng.normals(size(shape)).map((value) => value * deviation);
  return variable(values, shape);
}

function uniform(rng: Rng, shape: readonly number[], bound: number): tf.Variable {
  const values = new Float32Array(size(shape));
  for (let i = 0; i < values.length; i++) values[i] = (2 * rng.uniform() - 1) * bound;
  return variable(values, shape);
}

/** The last two sizes are in and out; what precedes them is the receptive field. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const field = size(shape.slice(0, -2));
  return { fanIn: field * shape.at(-2)!, fanOut: field * shape.at(-1)! };
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function variable(values: Float32Array, shape: readonly number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape], "float32")));
}
