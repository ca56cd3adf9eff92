import * as tf from "@tensorflow/tfjs";
import { perSample } from "../../src/schedules/coefficients.js";
import type { Denoiser, Params, PredictionType } from "../../src/types.js";
import { values } from "./values.js";

/** The twin of Pointwise in scripts/reference/make_fixtures.py: 1.5 tanh(mix^T z + bias + t time). */
export function pointwise(name: string): Params {
  const variable = (part: string, shape: number[]) =>
    tf.tidy(() => tf.variable(tf.tensor(values(`${name}/${part}`, shape, 0.9), shape)));
  return { mix: variable("mix", [3, 3]), bias: variable("bias", [3]), time: variable("time", [3]) };
}

export function pointwiseDenoiser(params: Params, predictionType: PredictionType): Denoiser {
  const apply: (...input: Parameters<Denoiser>) => tf.Tensor4D = (zt, times) =>
    tf.tidy(() => {
      const mixed = tf.matMul<tf.Tensor2D>(tf.reshape(zt, [-1, 3]), params.mix as tf.Tensor);
      const shift = tf.add(params.bias!, tf.mul(perSample(times), params.time!));
      return tf.mul(1.5, tf.tanh(tf.add(tf.reshape(mixed, zt.shape), shift)));
    });
  return Object.assign(apply, { predictionType });
}

/** Gradients in the order in which the fixtures hold them. */
export async function flatten(grads: Readonly<Record<string, tf.Tensor>>): Promise<Float32Array> {
  const flat = tf.tidy(() =>
    tf.concat(["mix", "bias", "time"].map((part) => tf.reshape(grads[part]!, [-1]))),
  );
  const data = await flat.data<"float32">();
  flat.dispose();
  return data;
}

export const image = (name: string, shape: [number, number, number, number], scale = 1): tf.Tensor4D =>
  tf.tensor4d(values(name, shape, scale), shape);

/** The pairs of prediction types, student then teacher, of which the fixtures hold losses. */
export const MODELS = [
  ["x0", "x0"],
  ["eps", "eps"],
  ["v", "v"],
  ["x0", "eps"],
  ["v", "x0"],
] as const;

/** The times at which a student of 4, 2 or 1 steps is trained there. */
export const STUDENT_TIMES = { 4: [0.25, 0.5, 0.75, 1], 2: [0.5, 1, 0.5, 1], 1: [1, 1, 1, 1] } as const;
