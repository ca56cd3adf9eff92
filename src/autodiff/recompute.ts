import * as tf from "../tfjs.js";
import { check, checkEach, checkNamed, checkOptions, isTensor } from "../check.js";
import { restoreRng, type Rng } from "../rng.js";
import { differentiate, recorded } from "./differentiate.js";
import { activeTape, engine } from "./internals.js";
import type { Params } from "../types.js";

/** What a recomputed function depends on. */
export interface RecomputeOptions<I extends readonly tf.Tensor[]> {
  /** The tensors that `f` is given, and whose gradients are needed. */
  readonly inputs: I;
  /** The weights that `f` reads. */
  readonly params?: Params;
  /** The stream that `f` draws from; the second run draws the same numbers from a copy. */
  readonly rng?: Rng | undefined;
}

/**
 * f(inputs, rng), of which the tape keeps the inputs alone: the backward pass runs `f` again to get at the intermediates
 * that its gradients need. Memory for time: a network that is cut into such pieces keeps the inputs of each, and
 * computes its forward pass twice. Chen et al. 2016, arXiv 1604.06174, sec. 3 ("gradient checkpointing"; a checkpoint is a file
 * here). Values and gradients are those of `f` itself, of any order.
 *
 * @param f a pure function, built from differentiable operations: what depends on trained weights reaches it through
 *   `inputs` and `params` alone, and its random numbers come from `rng`. It must not update running statistics, as batch
 *   norm does in training mode: it would do so twice
 * @param options `inputs`, the weights `params` and the random stream `rng`, see {@link RecomputeOptions}
 * @returns what `f` returns; the caller owns it
 * @throws whatever `f` throws; the backward pass, if `f` reads a trainable weight or a tensor computed before that is
 *   neither in `params` nor in `inputs` (its gradient would be lost), or throws when it runs again
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { recompute, valueAndGrads } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([1, 2]))) };
 * const { terms, grads } = valueAndGrads(() => {
 *   const x = tf.tensor1d([3, 4]);
 *   const y = recompute(([a]) => tf.square(tf.mul(a, params.w)), { inputs: [x], params });
 *   return { loss: tf.sum(y).asScalar() };
 * }, params);
 * console.log(await grads.w?.data()); // [18, 64]: 2 x^2 w
 * tf.dispose([terms, grads, params]);
 * ```
 */
export function recompute<const I extends readonly tf.Tensor[], O extends tf.Tensor>(
  f: (inputs: I, rng?: Rng) => O,
  options: RecomputeOptions<I>,
): O {
  checkOptions<RecomputeOptions<I>>("recompute", options, { inputs: true, params: true, rng: true });
  const { inputs, params = {}, rng } = options;
  check(typeof f === "function", "recompute", "a function f", f);
  check(Array.isArray(inputs), "recompute", "inputs to be an array of tensors", inputs);
  checkEach(inputs, isTensor, "recompute", "inputs to be an array of tensors");
  checkNamed(params, "recompute", "params, weights by name");
  const weights = Object.values(params).filter(({ trainable }) => trainable);
  const start = rng?.state();
  const operation = tf.customGrad<O>((...parts) => {
    const save = parts.at(-1) as (tensors: tf.Tensor[]) => void;
    const value = f(inputs, rng);
    save([...inputs]); // once f has not thrown: nothing would free what was saved before
    return {
      value: value.clone(), // it may be an input, a weight, or a tensor that f returns each time
      gradFunc: (dy, saved) =>
        tf.tidy(() => {
          const xs = [...saved, ...weights];
          const again = () => f(saved as unknown as I, start && restoreRng(start));
          const { grads } = differentiate(guarded(again, xs), xs, dy);
          return xs.map((x, i) => grads[i] ?? tf.zerosLike(x));
        }),
    };
  });
  return operation(...inputs, ...weights);
}

/** `f`, which throws if it reads what would have a gradient besides those of `xs`: that gradient would be lost. */
function guarded<T>(f: () => T, xs: readonly tf.Tensor[]): () => T {
  const [outer, first] = [[...recorded()], engine().state.nextTapeNodeId];
  return () => {
    const result = secondRun(f);
    const taped = new Set(outer.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
    const declared = new Set(xs.map(({ id }) => id));
    const read = activeTape().flatMap(({ id, inputs }) => (id >= first ? Object.values(inputs) : []));
    for (const tensor of read.filter(({ id }) => !declared.has(id))) {
      const trained = tensor instanceof tf.Variable && tensor.trainable;
      check(!trained, "recompute", "params with every trainable weight that f reads", tensor);
      const computed = taped.has(tensor.id);
      check(!computed, "recompute", "inputs with every tensor that f reads of those computed before", tensor);
    }
    return result;
  };
}

function secondRun<T>(f: () => T): T {
  try {
    return f();
  } catch (cause) {
    // Most likely it reads a tensor that is in a closure and has been freed since.
    const got = cause instanceof Error ? cause.message : String(cause);
    const expected = "f to run again in the backward pass, from inputs and params alone";
    throw new Error(`recompute: expected ${expected}, got: ${got}`, { cause });
  }
}
