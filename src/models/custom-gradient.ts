import * as tf from "@tensorflow/tfjs";

/** An operation with a gradient of its own, in place of that of the operations it is made of. */
export interface Operation<I extends readonly tf.Tensor[], O extends tf.Tensor> {
  /** What the gradient needs, kept until it has run. */
  readonly keep: "inputs" | "nothing";
  readonly forward: (...inputs: I) => O;
  /** One gradient per input, each a tensor of its own: the engine disposes them one by one. */
  readonly backward: (dy: O, ...inputs: I) => readonly tf.Tensor[];
}

/** Applies an operation; `tf.customGrad` with types, and with backward's intermediates freed. */
export function differentiable<I extends readonly tf.Tensor[], O extends tf.Tensor>(
  operation: Operation<I, O>,
  ...inputs: I
): O {
  const { keep, forward, backward } = operation;
  const run = tf.customGrad<O>((...parts) => {
    const save = parts[inputs.length] as (tensors: tf.Tensor[]) => void;
    // What arrives are the inputs themselves; naming them keeps their types.
    if (keep === "inputs") save([...inputs]);
    return {
      value: forward(...inputs),
      gradFunc: (dy, saved) => {
        const kept = (keep === "inputs" ? saved : inputs) as unknown as I;
        return tf.tidy(() => [...backward(dy, ...kept)]);
      },
    };
  });
  return run(...inputs);
}
