import * as tf from "../../tfjs.js";
import { adam } from "../../training/adam.js";
import { clipByGlobalNorm } from "../../training/clip.js";
import { updateEma } from "../../training/ema.js";
import type { Optimizer } from "../../training/optimizer.js";
import { sgd } from "../../training/sgd.js";
import { normal, type Probe } from "../probe.js";
import { map, sum, type Values } from "../values.js";

// What happens to weights and gradients between two steps. Nothing differentiates it.

const own = { own: true, differentiated: false } as const;

/** The weight after two steps along one gradient. */
function updated(optimizer: Optimizer, weight: tf.Tensor, grad: tf.Tensor): tf.Tensor {
  const params = { weight: tf.variable(weight) };
  try {
    optimizer.apply(params, { weight: grad });
    optimizer.apply(params, { weight: grad });
    return params.weight.clone();
  } finally {
    tf.dispose(params);
    optimizer.dispose();
  }
}

const adamStep: Probe = {
  operation: "Adam",
  inputs: { weight: normal(3, 5), grad: normal(3, 5) },
  run: (weight: tf.Tensor, grad: tf.Tensor) => updated(adam({ learningRate: 0.1 }), weight, grad),
  // With one gradient both moments, freed of their bias, stay it and its square.
  reference: (weight, grad) => {
    const along = map(grad, (g) => g / (Math.abs(g) + 1e-8));
    return map(weight, (w, i) => w - 2 * 0.1 * along.data[i]!);
  },
  ...own,
};

const sgdStep: Probe = {
  operation: "SGD with momentum",
  inputs: { weight: normal(3, 5), grad: normal(3, 5) },
  run: (weight: tf.Tensor, grad: tf.Tensor) =>
    updated(sgd({ learningRate: 0.1, momentum: 0.9 }), weight, grad),
  // The second step goes 1 + momentum times as far.
  reference: (weight, grad) => map(weight, (w, i) => w - 0.1 * (1 + 1.9) * grad.data[i]!),
  ...own,
};

const ema: Probe = {
  operation: "exponential moving average",
  inputs: { average: normal(3, 5), weight: normal(3, 5) },
  run: (average: tf.Tensor, weight: tf.Tensor) => {
    const [averages, params] = [{ w: tf.variable(average) }, { w: tf.variable(weight) }];
    try {
      updateEma(averages, params, 0.75);
      return averages.w.clone();
    } finally {
      tf.dispose([averages, params]);
    }
  },
  reference: (average, weight) => map(average, (a, i) => 0.75 * a + 0.25 * weight.data[i]!),
  ...own,
};

const squares = ({ data }: Values) => sum(data.length, (i) => data[i]! ** 2);

const clipping: Probe = {
  operation: "clipping by the global norm",
  inputs: { a: normal(3, 5), b: normal(7) },
  run: (a: tf.Tensor, b: tf.Tensor) => clipByGlobalNorm({ a, b }, 1).grads.a,
  reference: (a, b) => {
    const norm = Math.sqrt(squares(a) + squares(b));
    return map(a, (value) => value * Math.min(1, 1 / (norm + 1e-6)));
  },
  ...own,
};

export const updates: readonly Probe[] = [adamStep, sgdStep, ema, clipping];
