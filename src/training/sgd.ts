import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import { runFusedOr } from "../fused.js";
import { isRate } from "./adam.js";
import type { LearningRate } from "./learning-rates.js";
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
 * @throws if a setting is out of its range
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
  const { learningRate, momentum = 0, l2 = 0 } = options;
  check(
    isRate(learningRate),
    "sgd",
    "learningRate to be a number >= 0 or a function of the step",
    learningRate,
  );
  check(momentum >= 0 && momentum < 1, "sgd", "momentum in [0, 1)", momentum);
  check(l2 >= 0 && Number.isFinite(l2), "sgd", "l2 to be a number >= 0", l2);
  return createOptimizer({
    type: "sgd",
    slots: momentum === 0 ? [] : ["momentum"],
    learningRate,
    update(_, rate) {
      const [scale, keep, decay] = [rate, momentum, l2].map((x) => tf.scalar(x));
      const composed = (weight: tf.Tensor, grad: tf.Tensor, buffer?: tf.Tensor) => {
        const g = l2 === 0 ? grad : tf.add(grad, tf.mul(weight, decay!));
        // The buffer starts at zero, so the first direction is the gradient itself.
        const direction = buffer ? tf.add(tf.mul(buffer, keep!), g) : g;
        return [tf.sub(weight, tf.mul(direction, scale!)), direction];
      };
      const fused = { kernel: "Sgd", attrs: { rate, keep: momentum, decay: l2 } };
      return (weight, grad, { momentum: buffer }) => {
        const [w, direction] = buffer
          ? runFusedOr(fused, { weight, grad, momentum: buffer }, () => composed(weight, grad, buffer))
          : composed(weight, grad);
        weight.assign(w!);
        buffer?.assign(direction!);
      };
    },
  });
}
