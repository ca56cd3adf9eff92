import * as tf from "../tfjs.js";
import { check, checkNamed, checkPositiveInteger, checkSameEntries } from "../check.js";
import type { LossTerms } from "../types.js";
import type { ValueAndGrads } from "./value-and-grads.js";

/**
 * The mean of terms and gradients over micro-batches of equal size: what one large batch would give where memory holds
 * only a small one. (Terms that are not means over samples, such as the diversity term, see the micro-batch only.)
 *
 * @param count the number of micro-batches
 * @param f the terms and gradients of micro-batch i, e.g. by `valueAndGrads`; they are disposed here
 * @returns means, which the caller disposes
 * @throws if `count` is not a positive integer, if two micro-batches differ in the names or shapes of their terms or
 *   gradients, and whatever `f` throws, without leaking
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
  check(typeof f === "function", "accumulateGrads", "f to be a function", f);
  return tf.tidy(() => {
    let sum = f(0);
    checkNamed(sum, "accumulateGrads", "f to return terms and grads");
    for (let i = 1; i < count; i++) sum = add(sum, f(i));
    const { terms, grads } = mapAll(sum, (tensor) => consume([tensor], () => tf.div(tensor, count)));
    return { terms, grads };
  });
}

function add<T extends LossTerms>(a: ValueAndGrads<T>, b: ValueAndGrads<T>): ValueAndGrads<T> {
  checkNamed(b, "accumulateGrads", "f to return terms and grads");
  for (const kind of ["terms", "grads"] as const) {
    checkSameEntries(a[kind], b[kind], "accumulateGrads", `the ${kind} of the first micro-batch`);
  }
  return mapAll(a, (tensor, name, kind) => {
    const other = b[kind][name]!;
    return consume([tensor, other], () => tf.add(tensor, other));
  });
}

/** Frees each tensor as soon as it has been used, so that at most one gradient is there twice. */
function consume(tensors: tf.Tensor[], f: () => tf.Tensor): tf.Tensor {
  const result = f();
  tf.dispose(tensors);
  return result;
}

type Map = (tensor: tf.Tensor, name: string, kind: "terms" | "grads") => tf.Tensor;

function mapAll<T extends LossTerms>(all: ValueAndGrads<T>, f: Map): ValueAndGrads<T> {
  const map = (kind: "terms" | "grads") =>
    Object.fromEntries(Object.entries<tf.Tensor>(all[kind]).map(([name, x]) => [name, f(x, name, kind)]));
  return { terms: map("terms") as T, grads: map("grads") };
}
