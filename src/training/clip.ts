import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import { runFusedOr } from "../fused.js";
import type { Grads } from "../types.js";

/**
 * Scales all gradients by one factor, min(1, maxNorm / (norm + 1e-6)), so that their joint Euclidean norm does not
 * exceed `maxNorm` (Pascanu et al., arXiv 1211.5063, algorithm 1; the constant is PyTorch's `clip_grad_norm_`).
 *
 * @param grads tensors by name
 * @param maxNorm positive; Infinity only measures
 * @returns new tensors `grads`, and `norm`, the scalar norm before clipping; the caller disposes both
 * @throws if `grads` is empty or `maxNorm` is not positive
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { clipByGlobalNorm } from "cfd-distill";
 * const grads = { a: tf.tensor1d([3]), b: tf.tensor1d([4]) };
 * const clipped = clipByGlobalNorm(grads, 1);
 * console.log(await clipped.norm.data(), await clipped.grads.a.data()); // [5], [0.6]
 * tf.dispose([grads, clipped]);
 * ```
 */
export function clipByGlobalNorm<G extends Grads>(grads: G, maxNorm: number): { grads: G; norm: tf.Scalar } {
  const entries = Object.entries(grads);
  check(entries.length > 0, "clipByGlobalNorm", "at least one gradient", grads);
  check(maxNorm > 0, "clipByGlobalNorm", "maxNorm to be positive", maxNorm);
  return tf.tidy(() => {
    const norm = tf.sqrt(tf.addN(entries.map(([, grad]) => sumOfSquares(grad)))).asScalar();
    if (maxNorm === Infinity) return { grads: mapGrads(entries, (grad) => grad.clone()) as G, norm };
    const factor = tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
    return { grads: mapGrads(entries, (grad) => scale(grad, factor)) as G, norm };
  });
}

/** In two stages, last axis first: float32 sums of long rows lose digits on wasm. */
function sumOfSquares(grad: tf.Tensor): tf.Tensor {
  const composed = () => {
    const squares = tf.square(grad);
    return [tf.sum(grad.rank > 1 ? tf.sum(squares, -1) : squares)];
  };
  return runFusedOr({ kernel: "SumOfSquares", attrs: {} }, { x: grad }, composed)[0]!;
}

function scale(grad: tf.Tensor, factor: tf.Tensor): tf.Tensor {
  return runFusedOr({ kernel: "Scale", attrs: {} }, { x: grad, factor }, () => [tf.mul(grad, factor)])[0]!;
}

function mapGrads(entries: [string, tf.Tensor][], f: (grad: tf.Tensor) => tf.Tensor): Grads {
  return Object.fromEntries(entries.map(([name, grad]) => [name, f(grad)]));
}
