import * as tf from "../../../tfjs.js";
import { FLOAT, sizeOf } from "../memory/heap.js";

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

/**
 * Bytes of one row in panels of so many channels. A panel is a few columns of a matrix, its `lanes` (4 or 8), row by row and
 * filled up with zeros: as libraries for matrix products pack what they read again and again (Goto & van de Geijn 2008).
 */
export const panelBytes = (channels: number, lanes: number) => Math.ceil(channels / lanes) * lanes * FLOAT;

/** The geometry of a convolution that the kernels can do, or nothing. */
export function geometry(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: Attributes,
  tensors: readonly tf.TensorInfo[],
): ConvInfo | undefined {
  const { strides, pad, dilations, dimRoundingMode, dataFormat } = attrs;
  const dilated = ![dilations ?? 1].flat().every((dilation) => dilation === 1);
  if (dilated || dataFormat === "NCHW" || tensors.some(({ dtype }) => dtype !== "float32")) return undefined;
  const shapes = [inputShape, filterShape] as [Sizes, Sizes];
  const info = tf.backend_util.computeConv2DInfo(...shapes, strides, 1, pad, dimRoundingMode);
  return sizeOf(info.outShape) * sizeOf(inputShape) * sizeOf(filterShape) === 0 ? undefined : info;
}

/** The padded image that a filter visits: `height` x `width` pixels, the given ones from `top`, `left` on, zeros elsewhere. */
export interface Canvas {
  readonly height: number;
  readonly width: number;
  /** Where the first given row lies; before the canvas, thus cut off, if negative. */
  readonly top: number;
  readonly left: number;
}

/** What the filter visits of the input and its borders. */
export function visited(info: ConvInfo): Canvas {
  return {
    height: info.strideHeight * (info.outHeight - 1) + info.filterHeight,
    width: info.strideWidth * (info.outWidth - 1) + info.filterWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
  };
}
