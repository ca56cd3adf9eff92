import * as tf from "../tfjs.js";
import { check, isTensor } from "../check.js";
import { differentiate } from "./differentiate.js";
import { trainableEntries } from "./trainable.js";
import type { Grads, LossTerms, Params } from "../types.js";

/** What one training step learns from a batch: the loss's named scalars and one gradient per trainable weight. */
export interface ValueAndGrads<T extends LossTerms = LossTerms> {
  readonly terms: T;
  readonly grads: Grads;
}

/**
 * The terms of a loss and the gradient of `terms.loss` for the trainable entries of `params`, and only for them.
 *
 * @param f computes the loss from `params`; its other terms are only reported
 * @param params the weights to differentiate; batch-norm statistics (`trainable: false`) are skipped
 * @returns `terms` (scalars) and `grads` (tensors keyed and shaped like the trainable params, zeros for those that
 *   the loss does not depend on). The caller disposes both, or has called this inside `tf.tidy`
 * @throws whatever `f` throws, without leaking; if `f` does not return scalars with `loss` among them, no entry of
 *   `params` is trainable, or `loss` depends on none of them
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { valueAndGrads } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([3, 4]))) };
 * const { terms, grads } = valueAndGrads(() => ({ loss: params.w.square().sum().asScalar() }), params);
 * console.log(await terms.loss.data(), await grads.w?.data()); // [25], [6, 8]
 * tf.dispose([terms, grads, params]);
 * ```
 */
export function valueAndGrads<T extends LossTerms>(f: () => T, params: Params): ValueAndGrads<T> {
  check(typeof f === "function", "valueAndGrads", "f to be a function", f);
  const trainable = Object.entries(trainableEntries(params, "valueAndGrads"));
  check(trainable.length > 0, "valueAndGrads", "at least one trainable entry in params", Object.keys(params));
  const variables = trainable.map(([, variable]) => variable);
  const kept: Record<string, tf.Scalar> = {};
  try {
    return tf.tidy(() => {
      const { value, grads } = differentiate(() => keepTerms(f(), kept), variables);
      const expected = "a loss that depends on a trainable entry of params";
      check(grads.some(Boolean), "valueAndGrads", expected, "one that does not");
      const byName = trainable.map(([name, v], i) => [name, grads[i] ?? tf.zerosLike(v)] as const);
      const terms = Object.entries(kept).map(([name, term]) => [name, term.clone()] as const);
      return { terms: { ...Object.fromEntries(terms), loss: value } as T, grads: Object.fromEntries(byName) };
    });
  } finally {
    tf.dispose(kept); // what was kept through the forward pass has been cloned into the caller's scope
  }
}

/** Carries the terms other than `loss` out of the forward pass, whose scope frees all but the loss. */
function keepTerms(terms: LossTerms, kept: Record<string, tf.Scalar>): tf.Scalar {
  check(isTensor(terms?.loss), "valueAndGrads", "f to return named scalars with `loss` among them", terms);
  for (const [name, term] of Object.entries(terms)) {
    const isScalar = isTensor(term) && term.rank === 0;
    check(isScalar, "valueAndGrads", `the term ${name} to be a scalar`, term);
    kept[name] = tf.keep(term.clone());
  }
  return terms.loss.clone(); // it may be a tensor of the caller's, such as a weight
}
