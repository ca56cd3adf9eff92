import * as tf from "../tfjs.js";
import { check, checkNamed, checkTensors, isNumber, quoted } from "../check.js";
import { runFusedOr } from "../autodiff/run-fused.js";
import type { Grads } from "../types.js";

/**
 * Scales all gradients by one factor, min(1, maxNorm / (norm + 1e-6)), so that their joint Euclidean norm does not
 * exceed `maxNorm` (Pascanu et al., arXiv 1211.5063, algorithm 1; the constant is PyTorch's `clip_grad_norm_`). Where the
 * norm is not finite, no factor is right, and all gradients become NaN: also those that are finite, also if they are too
 * large for the norm alone, and also if `maxNorm` is Infinity. Read the norm (`readTerms`) before they are applied.
 *
 * @param grads tensors by name
 * @param maxNorm positive; Infinity only measures
 * @returns new tensors `grads`, and `norm`, the scalar norm before clipping; the caller disposes both
 * @throws if `grads` is empty, one is no tensor, or `maxNorm` is not positive
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
  checkNamed(grads, "clipByGlobalNorm", "gradients, tensors by name");
  const entries = Object.entries(grads);
  check(entries.length > 0, "clipByGlobalNorm", "at least one gradient", grads);
  checkTensors(grads, "clipByGlobalNorm");
  const positive = isNumber(maxNorm, 0, Infinity) && maxNorm > 0;
  check(positive, "clipByGlobalNorm", "maxNorm to be positive", quoted(maxNorm));
  const [names, tensors] = [entries.map(([name]) => name), entries.map(([, grad]) => grad)];
  const named = (scaled: readonly tf.Tensor[]) =>
    Object.fromEntries(names.map((name, i) => [name, scaled[i]!])) as G;
  return tf.tidy(() => {
    const norm = tf.sqrt(sumOfSquares(tensors)).asScalar();
    const bound = maxNorm === Infinity ? 1 : tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
    const factor = tf.add(bound, tf.mul(norm, 0)); // NaN if the norm is not finite, whatever a minimum makes of NaN
    return { grads: named(scale(tensors, factor)), norm };
  });
}

/** In two stages, last axis first: float32 sums of long rows lose digits on wasm. */
function sumOfSquares(tensors: readonly tf.Tensor[]): tf.Tensor {
  const composed = (tensor: tf.Tensor) => {
    const squares = tf.square(tensor);
    return tf.sum(tensor.rank > 1 ? tf.sum(squares, -1) : squares);
  };
  return runFusedOr({ kernel: "SumOfSquares", attrs: {} }, tensors, () => [
    tf.addN(tensors.map(composed)),
  ])[0]!;
}

function scale(tensors: readonly tf.Tensor[], factor: tf.Tensor): readonly tf.Tensor[] {
  return runFusedOr({ kernel: "Scale", attrs: {} }, [factor, ...tensors], () =>
    tensors.map((grad) => tf.mul(grad, factor)),
  );
}
