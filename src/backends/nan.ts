import * as tf from "../tfjs.js";
import { fail } from "../check.js";
import type { Cure } from "./engine.js";

// Stock kernels that lose NaN, made to keep it: a training or a picture that went wrong must be seen to have.

type Call = Parameters<tf.KernelFunc>[0];
type Wrap = (stock: tf.KernelFunc) => tf.KernelFunc;

/** Some engines give a tensor, others only what one is made of. */
function tensorOf(stock: tf.KernelFunc, call: Call): tf.Tensor {
  const result = stock(call) as tf.TensorInfo;
  return result instanceof tf.Tensor ? (result as tf.Tensor) : tf.engine().makeTensorFromTensorInfo(result);
}

/** For a kernel that computes number by number: NaN where any of its inputs is. */
export const keepNaN: Wrap = (stock) => (call) =>
  tf.tidy(() =>
    Object.values(call.inputs as unknown as Record<string, tf.Tensor>)
      .filter(({ dtype }) => dtype === "float32")
      .reduce((y, x) => tf.where(tf.isNaN(x), NaN, y), tensorOf(stock, call)),
  );

/** For a kernel of maxima or means over windows: NaN where a window meets one. */
export const keepNaNInWindows: Wrap = (stock) => (call) =>
  tf.tidy(() => {
    const ofNaN = tf.cast(tf.isNaN(call.inputs.x as tf.Tensor), "float32");
    const met = tensorOf(stock, { ...call, inputs: { ...call.inputs, x: ofNaN } });
    return tf.where(tf.greater(met, 0), NaN, tensorOf(stock, call));
  });

/** For a kernel that asks where the extreme one of some numbers is: there, if one is NaN. */
export const nanAs =
  (input: string, value: number): Wrap =>
  (stock) =>
  (call) => {
    const x = (call.inputs as unknown as Record<string, tf.Tensor>)[input]!;
    if (x.dtype !== "float32") return stock(call);
    return tf.tidy(() => {
      const replaced = tf.where(tf.isNaN(x), value, x);
      return stock({ ...call, inputs: { ...call.inputs, [input]: replaced } }) as tf.Tensor;
    });
  };

const why = "NaN becomes a number, or is passed over";

/** A cure of a kernel that loses NaN, by what is made of the stock one. */
export const losesNaN = (kernel: string, wrap: Wrap): Cure => ({
  kernel,
  why,
  build: (stock) => wrap(stock ?? (() => fail(kernel, "the engine's own kernel", "none"))),
});

/** What loses NaN on every engine, wherever it is not replaced by something faster. */
export const losingNaN: readonly Cure[] = [
  losesNaN(tf.MaxPool, keepNaNInWindows),
  losesNaN(tf.MaxPoolGrad, nanAs("input", Infinity)),
  losesNaN(tf.Sign, keepNaN),
  losesNaN(tf.ArgMax, nanAs("x", Infinity)),
  losesNaN(tf.ArgMin, nanAs("x", -Infinity)),
];
