import * as tf from "../../tfjs.js";
import type { Cure } from "../engine.js";
import { losingNaN } from "../nan.js";

// tfjs-node's convolutions know the paddings "same" and "valid"; its forward one explicit borders too, its gradients
// not. Other borders are put round the image here, and the convolution of what that gives is a "valid" one.

type Borders = tf.backend_util.ExplicitPadding;
type Sizes = [number, number, number, number];

interface Attributes {
  readonly pad: "same" | "valid" | number | Borders;
  readonly dataFormat: "NHWC" | "NCHW";
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
  readonly inputShape?: Sizes;
}

/** The borders to add, where the stock kernel cannot do without and rounding is what "valid" does. */
function bordersOf({ attrs }: Call): Borders | undefined {
  const { pad, dataFormat, dimRoundingMode = "floor" } = attrs as unknown as Attributes;
  if (typeof pad === "string" || dataFormat === "NCHW" || dimRoundingMode !== "floor") return undefined;
  return typeof pad === "number" ? [[0, 0], [pad, pad], [pad, pad], [0, 0]] : pad; // prettier-ignore
}

type Call = Parameters<tf.KernelFunc>[0];

/** For the kernels that read the image: the convolution itself and the gradient of its filter. */
function ofPaddedImage(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const borders = bordersOf(call);
    if (borders === undefined) return stock(call);
    return tf.tidy(() => {
      const x = tf.pad(call.inputs.x as tf.Tensor4D, borders);
      return stock({
        ...call,
        inputs: { ...call.inputs, x },
        attrs: { ...call.attrs, pad: "valid" },
      }) as tf.Tensor;
    });
  };
}

/** The gradient of the image is the inner part of the padded image's. */
function innerGradient(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const borders = bordersOf(call);
    if (borders === undefined) return stock(call);
    const { inputShape } = call.attrs as unknown as Required<Attributes>;
    const padded = inputShape.map((size, axis) => size + borders[axis]![0] + borders[axis]![1]);
    return tf.tidy(() => {
      const whole = stock({ ...call, attrs: { ...call.attrs, pad: "valid", inputShape: padded } });
      return tf.slice(whole as tf.Tensor4D, borders.map(([before]) => before), inputShape); // prettier-ignore
    });
  };
}

const why = "refuses a padding other than same and valid";
const cure = (kernel: string, wrap: (stock: tf.KernelFunc) => tf.KernelFunc): Cure => ({
  kernel,
  why,
  build: (stock) => wrap(stock!),
});

/** What tfjs-node lacks, on CPUs and on GPUs. */
export const cures: readonly Cure[] = [
  cure(tf.Conv2D, ofPaddedImage),
  cure(tf.Conv2DBackpropFilter, ofPaddedImage),
  cure(tf.Conv2DBackpropInput, innerGradient),
  cure(tf.FusedConv2D, ofPaddedImage),
  cure(tf.DepthwiseConv2dNative, ofPaddedImage),
  cure(tf.DepthwiseConv2dNativeBackpropFilter, ofPaddedImage),
  cure(tf.DepthwiseConv2dNativeBackpropInput, innerGradient),
  cure(tf.FusedDepthwiseConv2D, ofPaddedImage),
  ...losingNaN,
];
