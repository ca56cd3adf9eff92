import * as tf from "../tfjs.js";
import { check, checkNamed, isTensor } from "../check.js";

/** A tensor, or an object or a list of such. An entry may be left out. */
export type Tensors = tf.Tensor | readonly Tensors[] | { readonly [name: string]: Tensors | undefined };

/**
 * What `f` returns, without recording how it was computed: no gradient passes through it, also within `valueAndGrads`,
 * and what `f` computed on the way is freed at once. For teachers, frozen classifiers and targets. TensorFlow.js has no
 * stop-gradient; the forward pass of its customGrad is not taped.
 *
 * @param f computes a tensor, or an object or a list of tensors, such as a prediction
 * @returns the same, in tensors of the caller's own
 * @throws whatever `f` throws, without leaking; if `f` is no function, or returns anything but tensors
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { untaped, valueAndGrads } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.scalar(3))) };
 * const { terms, grads } = valueAndGrads(() => {
 *   const held = untaped(() => tf.square(params.w)); // 9, a constant
 *   return { loss: tf.mul(held, params.w).asScalar() };
 * }, params);
 * console.log(await grads.w?.data()); // 9, where the gradient of w^3 would be 27
 * tf.dispose([terms, grads, params]);
 * ```
 */
export function untaped<T extends Tensors>(f: () => T): T {
  check(typeof f === "function", "untaped", "f to be a function", f);
  const kept: tf.Tensor[] = [];
  try {
    return tf.tidy(() => {
      // tf.customGrad differentiates with respect to its inputs: give it one that nothing depends on.
      const anchor = tf.scalar(0);
      let result: T | undefined;
      const forward = tf.customGrad(() => {
        result = mapTensors(f(), (tensor) => {
          const copy = tf.keep(tensor.clone()); // f may return what it was given, or what is not its own
          kept.push(copy);
          return copy;
        });
        return { value: anchor.clone(), gradFunc: () => [tf.zerosLike(anchor)] };
      });
      forward(anchor);
      return mapTensors(result!, (tensor) => tensor.clone()) as T & tf.TensorContainer;
    });
  } finally {
    tf.dispose(kept);
  }
}

const RETURNED = "f to return a tensor, or an object or a list of tensors";

/** `value` with another tensor in the place of each. */
function mapTensors<T extends Tensors>(value: T, change: (tensor: tf.Tensor) => tf.Tensor): T {
  const map = (part: unknown): unknown => {
    if (part === undefined) return part; // an entry that is left out
    if (isTensor(part)) return change(part);
    if (Array.isArray(part)) return part.map(map);
    checkNamed(part, "untaped", RETURNED);
    return Object.fromEntries(Object.entries(part as object).map(([name, inner]) => [name, map(inner)]));
  };
  check(typeof value === "object", "untaped", RETURNED, value);
  return map(value) as T;
}
