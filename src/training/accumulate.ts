import * as tf from "@tensorflow/tfjs";
import { checkPositiveInteger } from "../check.js";
import type { Grads, LossTerms } from "../types.js";
import type { ValueAndGrads } from "./value-and-grads.js";

/**
 * The mean of terms and gradients over micro-batches of equal size: what one large batch would give where memory holds
 * only a small one. (Terms that are not means over samples, such as the diversity term, see the micro-batch only.)
 *
 * @param count the number of micro-batches
 * @param f the terms and gradients of micro-batch i, e.g. by `valueAndGrads`; they are disposed here
 * @returns means, which the caller disposes
 * @throws if `count` is not a positive integer, and whatever `f` throws, without leaking
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { accumulateGrads, valueAndGrads } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.scalar(2))) };
 * const { terms, grads } = accumulateGrads(2, (i) =>
 *   valueAndGrads(() => ({ loss: params.w.mul(i + 1).asScalar() }), params),
 * );
 * console.log(await terms.loss.data(), await grads.w?.data()); // [3], [1.5]
 * tf.dispose([terms, grads, params]);
 * ```
 */
export function accumulateGrads<T extends LossTerms>(
  count: number,
  f: (index: number) => ValueAndGrads<T>,
): ValueAndGrads<T> {
  checkPositiveInteger(count, "accumulateGrads", "count");
  return tf.tidy(() => {
    let sum = f(0);
    for (let i = 1; i < count; i++) sum = addAndFree(sum, f(i));
    const mean = (tensor: tf.Tensor) => tf.div(tensor, count);
    return { terms: mapTensors(sum.terms, mean) as T, grads: mapTensors(sum.grads, mean) };
  });
}

function addAndFree<T extends LossTerms>(a: ValueAndGrads<T>, b: ValueAndGrads<T>): ValueAndGrads<T> {
  const terms = mapTensors(a.terms, (term, name) => tf.add(term, b.terms[name]!)) as T;
  const grads = mapTensors(a.grads, (grad, name) => tf.add(grad, b.grads[name]!));
  tf.dispose([a, b] as unknown as tf.TensorContainer);
  return { terms, grads };
}

function mapTensors(tensors: Grads, f: (tensor: tf.Tensor, name: string) => tf.Tensor): Grads {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, f(tensor, name)]));
}
