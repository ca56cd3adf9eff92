import * as tf from "../tfjs.js";
import { check, checkEach, checkOptions, isNumber } from "../check.js";
import type { FusedKernels } from "../autodiff/fused-kernels.js";
import { runFusedRows } from "../autodiff/run-fused.js";
import { checkLearningRate, type LearningRate } from "./learning-rates.js";
import { createOptimizer, type Optimizer } from "./optimizer.js";

/** Settings of {@link adam}. */
export interface AdamOptions {
  readonly learningRate: LearningRate;
  /** Decay of the gradients' mean (0.9). */
  readonly beta1?: number;
  /** Decay of the squared gradients' mean (0.999). */
  readonly beta2?: number;
  /** Added to the root of the squared gradients' mean, > 0 (1e-8): without it a gradient of 0 is divided by 0. */
  readonly epsilon?: number;
  /** Decoupled decay: each step first shrinks the weights by 1 - rate * weightDecay (AdamW). */
  readonly weightDecay?: number;
  /** The older decay: l2 * weight is added to the gradient (the authors'; PyTorch's `Adam(weight_decay)`). */
  readonly l2?: number;
}

const OPTIONS = {
  learningRate: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  l2: true,
} as const;

/**
 * Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) and AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2),
 * with the numbers of `torch.optim`.
 *
 * @param options settings; only `learningRate` has no default
 * @returns an optimiser, whose `dispose` frees the moments
 * @throws if a setting is unknown or out of its range
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { adam } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.tensor1d([1]))) };
 * const grads = { w: tf.tensor1d([0.3]) };
 * const optimizer = adam({ learningRate: 0.1 });
 * optimizer.apply(params, grads);
 * console.log(await params.w.data()); // [0.9]: the first step is as long as the rate
 * optimizer.dispose();
 * tf.dispose([params, grads]);
 * ```
 */
export function adam(options: AdamOptions): Optimizer {
  checkOptions("adam", options, OPTIONS);
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, l2 = 0 } = options;
  checkLearningRate(learningRate, "adam");
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    checkEach([beta], (value) => isNumber(value, 0) && value < 1, "adam", `${name} in [0, 1)`);
  }
  for (const [name, value] of Object.entries({ epsilon, weightDecay, l2 })) {
    checkEach([value], (given) => isNumber(given, 0), "adam", `${name} to be a number >= 0`);
  }
  check(Math.fround(epsilon) > 0, "adam", "epsilon above 0 in float32", epsilon);
  return createOptimizer({
    type: "adam",
    slots: ["expAvg", "expAvgSq"],
    learningRate,
    update(all, step, rate) {
      // Bias corrections in float64, folded into two numbers that all weights share.
      const constants: Constants = {
        stepSize: rate / (1 - beta1 ** (step + 1)),
        bias2: Math.sqrt(1 - beta2 ** (step + 1)),
        keep2: beta2,
        take1: 1 - beta1,
        take2: 1 - beta2,
        epsilon,
        shrink: 1 - rate * weightDecay,
        decay: l2,
      };
      const rows = all.map(({ weight, grad, slots: { expAvg, expAvgSq } }): Row => [
        weight,
        grad,
        expAvg!,
        expAvgSq!,
      ]);
      const take = ([w, m, v]: readonly tf.Tensor[], [weight, , expAvg, expAvgSq]: Row) => {
        weight.assign(w!);
        expAvg.assign(m!);
        expAvgSq.assign(v!);
      };
      runFusedRows({ kernel: "Adam", attrs: constants }, rows, composedStep(constants), take);
    },
  });
}

type Constants = FusedKernels["Adam"];
type Row = readonly [weight: tf.Variable, grad: tf.Tensor, expAvg: tf.Variable, expAvgSq: tf.Variable];

/** From a weight, its gradient and its moments to the new weight and moments. */
function composedStep(constants: Constants): (...row: Row) => tf.Tensor[] {
  const { stepSize, bias2, keep2, take1, take2, epsilon, shrink, decay } = mapScalars(constants);
  return (weight, grad, expAvg, expAvgSq) => {
    const g = constants.decay === 0 ? grad : tf.add(grad, tf.mul(weight, decay));
    const m = tf.add(expAvg, tf.mul(tf.sub(g, expAvg), take1));
    const v = tf.add(tf.mul(expAvgSq, keep2), tf.mul(tf.square(g), take2));
    const step = tf.div(tf.mul(m, stepSize), tf.add(tf.div(tf.sqrt(v), bias2), epsilon));
    return [tf.sub(constants.shrink === 1 ? weight : tf.mul(weight, shrink), step), m, v];
  };
}

function mapScalars<K extends string>(numbers: Readonly<Record<K, number>>): Record<K, tf.Scalar> {
  const entries = Object.entries<number>(numbers).map(([name, x]) => [name, tf.scalar(x)]);
  return Object.fromEntries(entries) as Record<K, tf.Scalar>;
}
