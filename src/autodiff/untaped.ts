import * as tf from "@tensorflow/tfjs";

/**
 * Runs `f` without recording it for differentiation, also inside a differentiated closure, and frees its
 * intermediates at once. TensorFlow.js has no stop-gradient; the forward pass of a customGrad is not taped.
 */
export function untaped<T extends tf.Tensor>(f: () => T): T {
  return tf.tidy(() => {
    // tf.customGrad differentiates with respect to its inputs: give it one that nothing depends on.
    const anchor = tf.scalar(0);
    const forward = tf.customGrad(() => ({
      value: f().clone(), // f may return what it was given, or what is not its own
      gradFunc: () => [tf.zerosLike(anchor)],
    }));
    return forward(anchor);
  });
}
