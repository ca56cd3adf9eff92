import type * as tf from "@tensorflow/tfjs";

/** A convolution's sizes, borders and strides, as tfjs works them out. */
export type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type ConvArguments = Parameters<typeof tf.backend_util.computeConv2DInfo>;
export type Sizes = ConvArguments[0];

/** The attributes of Conv2D and of its two gradients. */
export interface Attributes {
  readonly strides: ConvArguments[2];
  readonly pad: ConvArguments[4];
  readonly dilations?: ConvArguments[3];
  readonly dimRoundingMode?: ConvArguments[5];
  readonly dataFormat: "NHWC" | "NCHW";
  /** Of the filter's gradient. */
  readonly filterShape?: Sizes;
  /** Of the input's gradient. */
  readonly inputShape?: Sizes;
}
