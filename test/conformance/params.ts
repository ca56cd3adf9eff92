import * as tf from "@tensorflow/tfjs";
import type { Params } from "../../src/types.js";
import { weight, type Shape } from "./values.js";

/** The weights of a reference network, moved from PyTorch's layouts to TensorFlow's without the help of src/io. */
export function referenceParams(net: string, shapes: Readonly<Record<string, Shape>>): Params {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const trainable = !name.includes("running_");
    const variable = tf.tidy(() => {
      const stored = tf.tensor(weight(net, name, shape), [...shape]);
      const order = { 2: [1, 0], 4: [2, 3, 1, 0] }[shape.length];
      return tf.variable(order ? tf.transpose(stored, order) : stored, trainable);
    });
    return [name, variable] as const;
  });
  return Object.fromEntries(entries);
}
