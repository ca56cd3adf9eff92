import * as tf from "../tfjs.js";
import { checkEach, checkNamed, checkTensors, checkVariables, isNumber, checkSameEntries } from "../check.js";
import type { Params } from "../types.js";
import { runFusedRows } from "../autodiff/run-fused.js";
import { checkStep } from "./learning-rates.js";

/**
 * Moves averaged weights towards the current ones: ema = decay * ema + (1 - decay) * params. Only weights are averaged;
 * batch-norm statistics (`trainable: false`), averages already, are copied. **Changes `ema` in place.**
 *
 * @param ema the average, e.g. begun by `cloneParams(params)`
 * @param params the current weights; they are not changed
 * @param decay in [0, 1], the authors' 0.9999; see {@link emaDecay}
 * @throws if the two do not have the same names and shapes, or `decay` is outside [0, 1]
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cloneParams, updateEma } from "cfd-distill";
 * const params = { w: tf.tidy(() => tf.variable(tf.scalar(1))) };
 * const ema = cloneParams(params);
 * tf.tidy(() => params.w.assign(tf.scalar(3)));
 * updateEma(ema, params, 0.75);
 * console.log(await ema.w?.data()); // [1.5]
 * tf.dispose([params, ema]);
 * ```
 */
export function updateEma(ema: Params, params: Params, decay: number): void {
  checkDecay(decay, "updateEma");
  const what = "params with the names and shapes of ema";
  for (const weights of [ema, params]) {
    checkNamed(weights, "updateEma", what);
    checkVariables(weights, "updateEma");
    checkTensors(weights, "updateEma");
  }
  checkSameEntries(ema, params, "updateEma", what);
  tf.tidy(() => {
    const [keep, take] = [tf.scalar(decay), tf.scalar(1 - decay)];
    const composed = (...[average, weight]: Pair) => [tf.add(tf.mul(average, keep), tf.mul(weight, take))];
    const pairs = Object.entries(params).map(([name, weight]): Pair => [ema[name]!, weight]);
    for (const [copy, weight] of pairs) if (!weight.trainable) copy.assign(weight.clone());
    runFusedRows(
      { kernel: "Ema", attrs: { keep: decay, take: 1 - decay } },
      pairs.filter(([, weight]) => weight.trainable),
      composed,
      ([mixed], [average]) => {
        average.assign(mixed!);
      },
    );
  });
}

type Pair = [average: tf.Variable, weight: tf.Variable];

/**
 * A decay that starts low and grows, min(decay, (1 + step) / (10 + step)), so that an average does not remember its
 * random start for tens of thousands of steps (the rule of TensorFlow's ExponentialMovingAverage `num_updates`).
 *
 * @param decay the decay after the warm-up, in [0, 1]
 * @returns the decay as a function of the step (0 for the first)
 * @throws if `decay` is outside [0, 1]; the function, if the step is not one
 * @example
 * ```ts
 * import { emaDecay } from "cfd-distill";
 * const decay = emaDecay(0.9999);
 * console.log(decay(0), decay(90), decay(1_000_000)); // 0.1, 0.91, 0.9999
 * ```
 */
export function emaDecay(decay: number): (step: number) => number {
  checkDecay(decay, "emaDecay");
  return (step) => {
    checkStep(step, "emaDecay");
    return Math.min(decay, (1 + step) / (10 + step));
  };
}

function checkDecay(decay: number, where: string): void {
  checkEach([decay], (value) => isNumber(value, 0, 1), where, "decay in [0, 1]");
}
