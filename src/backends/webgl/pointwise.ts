import * as tf from "../../tfjs.js";

type Call = Parameters<tf.KernelFunc>[0];

// The kernels of maximum and minimum are right at both ends, and pass NaN on.

/** tf.relu: the stock kernel multiplies by zero. */
export function relu({ inputs }: Call): tf.TensorInfo {
  return tf.tidy(() => tf.maximum(inputs.x as tf.Tensor, 0));
}

/** tf.clipByValue. */
export function clipByValue({ inputs, attrs }: Call): tf.TensorInfo {
  const { clipValueMin, clipValueMax } = attrs as unknown as tf.ClipByValueAttrs;
  return tf.tidy(() => tf.minimum(tf.maximum(inputs.x as tf.Tensor, clipValueMin), clipValueMax));
}
