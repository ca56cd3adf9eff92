import * as tf from "../tfjs.js";

/** Low enough for any probability, high enough for sums over any batch to stay within float32. */
const LEAST = -1e30;

/**
 * log softmax, of each row, of logits / temperature; finite for all finite logits. The largest is subtracted before anything
 * is divided, which would overflow; logits that lie more than 1e30 apart count as that far apart. The gradient is that of
 * the log softmax itself.
 */
export function logProbabilities(logits: tf.Tensor2D, temperature = 1): tf.Tensor2D {
  if (temperature === 1) return bounded(tf.logSoftmax(logits)); // which subtracts the largest itself
  const below: tf.Tensor2D = tf.sub(logits, tf.max(logits, 1, true));
  return bounded(tf.logSoftmax(tf.div<tf.Tensor2D>(below, temperature)));
}

function bounded(logs: tf.Tensor2D): tf.Tensor2D {
  const operation = tf.customGrad<tf.Tensor2D>(() => ({
    value: tf.maximum(logs, LEAST),
    gradFunc: (dy) => dy.clone(),
  }));
  return operation(logs);
}
