import * as tf from "../tfjs.js";
import { checkEach, checkOptions, isNumber } from "../check.js";
import { runFusedRows } from "../autodiff/run-fused.js";
import { checkLearningRate, type LearningRate } from "./learning-rates.js";
import { createOptimizer, type Optimizer } from "./optimizer.js";

/** Settings of {@link sgd}. */
export interface SgdOptions {
  readonly learningRate: LearningRate;
  /** Share of the previous update direction that is kept (0). */
  readonly momentum?: number;
  /** l2 * weight is added to the gradient (PyTorch's `weight_decay`). */
  readonly l2?: number;
}

/**
 * Stochastic gradient descent with momentum, as `torch.optim.SGD` defines it: buffer = momentum * buffer + gradient,
 * weight -= rate * buffer (Sutskever et al., ICML 2013, section 2, with the rate outside the buffer).
 *
 * @param options settings; only `learningRate` has no default
 * @returns an optimiser, whose `dispose` frees the momentum
 * @throws if a setting is unknown or out of its range
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { sgd } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([1]))) };
 * const grads = { w: tf.tensor1d([2]) };
 * const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, l2: 5e-4 });
 * optimizer.apply(params, grads);
 * console.log(await params.w.data()); // [0.79995]
 * optimizer.dispose();
 * tf.dispose([params, grads]);
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  checkOptions("sgd", options, { learningRate: true, momentum: true, l2: true });
  const { learningRate, momentum = 0, l2 = 0 } = options;
  checkLearningRate(learningRate, "sgd");
  checkEach([momentum], (value) => isNumber(value, 0) && value < 1, "sgd", "momentum in [0, 1)");
  checkEach([l2], (value) => isNumber(value, 0), "sgd", "l2 to be a number >= 0");
  return createOptimizer({
    type: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    learningRate,
    update(all, _, rate) {
      const [scale, keep, decay] = [rate, momentum, l2].map((x) => tf.scalar(x));
      const along = (direction: tf.Tensor, weight: tf.Tensor) => tf.sub(weight, tf.mul(direction, scale!));
      const gradient = (grad: tf.Tensor, weight: tf.Tensor) =>
        l2 === 0 ? grad : tf.add(grad, tf.mul(weight, decay!));
      if (momentum === 0) {
        for (const { weight, grad } of all) {
          tf.tidy(() => {
            weight.assign(along(gradient(grad, weight), weight));
          });
        }
        return;
      }
      const composed = (weight: tf.Tensor, grad: tf.Tensor, buffer: tf.Tensor) => {
        // The buffer starts at zero, so the first direction is the gradient itself.
        const direction = tf.add(tf.mul(buffer, keep!), gradient(grad, weight));
        return [along(direction, weight), direction];
      };
      const rows = all.map(({ weight, grad, slots }): Row => [weight, grad, slots.momentum!]);
      const take = ([w, direction]: readonly tf.Tensor[], [weight, , buffer]: Row) => {
        weight.assign(w!);
        buffer.assign(direction!);
      };
      runFusedRows({ kernel: "Sgd", attrs: { rate, keep: momentum, decay: l2 } }, rows, composed, take);
    },
  });
}

type Row = readonly [weight: tf.Variable, grad: tf.Tensor, momentum: tf.Variable];
