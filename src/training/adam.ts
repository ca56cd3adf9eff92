import * as tf from "@tensorflow/tfjs";
import { check } from "../check.js";
import { runFusedRows } from "../fused.js";
import { rateAt, type LearningRate } from "./learning-rates.js";
import { createOptimizer, type Optimizer } from "./optimizer.js";

/** Settings of {@link adam}. */
export interface AdamOptions {
  readonly learningRate: LearningRate;
  /** Decay of the gradients' mean (0.9). */
  readonly beta1?: number;
  /** Decay of the squared gradients' mean (0.999). */
  readonly beta2?: number;
  /** Added to the root of the squared gradients' mean (1e-8). */
  readonly epsilon?: number;
  /** Decoupled decay: each step first shrinks the weights by 1 - rate * weightDecay (AdamW). */
  readonly weightDecay?: number;
  /** The older decay: l2 * weight is added to the gradient (the authors'; PyTorch's `Adam(weight_decay)`). */
  readonly l2?: number;
}

/**
 * Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) and AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2),
 * with the numbers of `torch.optim`.
 *
 * @param options settings; only `learningRate` has no default
 * @returns an optimiser, whose `dispose` frees the moments
 * @throws if a setting is out of its range
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
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, l2 = 0 } = options;
  check(
    isRate(learningRate),
    "adam",
    "learningRate to be a number >= 0 or a function of the step",
    learningRate,
  );
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    check(beta >= 0 && beta < 1, "adam", `${name} in [0, 1)`, beta);
  }
  for (const [name, value] of Object.entries({ epsilon, weightDecay, l2 })) {
    check(value >= 0 && Number.isFinite(value), "adam", `${name} to be a number >= 0`, value);
  }
  return createOptimizer({
    type: "adam",
    slots: ["expAvg", "expAvgSq"],
    learningRate,
    update(all, step, rate) {
      // Bias corrections in float64, folded into two numbers that all weights share.
      const constants = {
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

type Constants = Readonly<
  Record<"stepSize" | "bias2" | "keep2" | "take1" | "take2" | "epsilon" | "shrink" | "decay", number>
>;
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

/** Whether `rate` can be a learning rate. */
export function isRate(rate: LearningRate): boolean {
  return typeof rate === "function" || (Number.isFinite(rate) && rateAt(rate, 0) >= 0);
}
