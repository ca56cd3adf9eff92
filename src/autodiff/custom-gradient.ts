import * as tf from "../tfjs.js";
import { gradientOf, type FusedWithGradient, type WithGradientName } from "./fused-kernels.js";
import { isRecording } from "./internals.js";
import { canFuse, numbered, runFused } from "./run-fused.js";

/** An operation with a gradient of its own, in place of that of the operations it is made of. */
export interface Operation<I extends readonly tf.Tensor[], O extends tf.Tensor> {
  /** What the gradient needs, kept until it has run. */
  readonly keep: "inputs" | "nothing";
  readonly forward: (...inputs: I) => O;
  /**
   * One gradient per input, each a tensor of its own: the engine disposes them one by one. Where nothing is kept it
   * gets `dy` only.
   */
  readonly backward: (dy: O, ...inputs: I) => readonly tf.Tensor[];
  /** Kernels that do the same, where the engine has them. */
  readonly fused?: FusedWithGradient;
  /** Sees what the fused kernel gives besides the value. */
  readonly observe?: (...extras: tf.Tensor[]) => void;
}

/** Applies an operation; `tf.customGrad` with types, and with backward's intermediates freed. */
export function differentiable<I extends readonly tf.Tensor[], O extends tf.Tensor>(
  operation: Operation<I, O>,
  ...inputs: I
): O {
  const { keep, forward, backward } = operation;
  const fused = operation.fused && canFuse(operation.fused.kernel, inputs) ? operation.fused : undefined;
  const run = tf.customGrad<O>((...parts) => {
    const save = parts[inputs.length] as (tensors: tf.Tensor[]) => void;
    const [value, ...extras] = fused ? runFused(fused, numbered("input", inputs)) : [forward(...inputs)];
    if (fused) operation.observe?.(...extras);
    // What arrives in `parts` are the inputs themselves; naming them keeps their types.
    const kept = keep === "inputs" ? inputs : [];
    save([...kept, ...extras]);
    return {
      value: value as O,
      gradFunc: (dy, saved) => {
        const again = saved.slice(0, kept.length);
        return tf.tidy(() => {
          if (!fused || isRecording()) return [...backward(dy, ...(again as unknown as I))];
          const names = { ...numbered("input", again), ...numbered("extra", saved.slice(kept.length)) };
          return runFused(gradientOf<WithGradientName>(fused), { dy, ...names });
        });
      },
    };
  });
  return run(...inputs);
}

/**
 * An operation whose gradients the engine knows; in its place the kernels of `fused`, which keep all inputs, where the
 * engine has them.
 */
export function fusedOr<I extends readonly tf.Tensor[], O extends tf.Tensor>(
  composed: (...inputs: I) => O,
  { observe, ...fused }: FusedWithGradient & Pick<Operation<I, O>, "observe">,
  ...inputs: I
): O {
  if (!canFuse(fused.kernel, inputs)) return composed(...inputs);
  const operation: Operation<I, O> = {
    keep: "inputs",
    forward: composed,
    backward: (dy, ...at) => tf.grads((...parts) => composed(...(parts as unknown as I)))([...at], dy),
    fused,
    ...(observe && { observe }),
  };
  return differentiable(operation, ...inputs);
}
