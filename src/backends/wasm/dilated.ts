import * as tf from "@tensorflow/tfjs";
import type { Attributes, ConvInfo, Sizes } from "./geometry.js";
import { sizeOf } from "./heap.js";

type Image = tf.Tensor4D;

/**
 * tf.conv2d where it has dilations, tap by tap, each a convolution with a filter of 1 x 1, or nothing to compute; `stock` does
 * other layouts and types.
 */
export const dilatedConvolution =
  (stock: tf.KernelFunc): tf.KernelFunc =>
  (call) => {
    const [x, filter] = [call.inputs.x, call.inputs.filter] as unknown as [Image, Image];
    const { strides, pad, dilations, dimRoundingMode, dataFormat } = call.attrs as unknown as Attributes;
    if (dataFormat === "NCHW" || x.dtype !== "float32" || filter.dtype !== "float32") return stock(call);
    const rates = dilations ?? 1;
    const info = tf.backend_util.computeConv2DInfo(
      x.shape,
      filter.shape,
      strides,
      rates,
      pad,
      dimRoundingMode,
    );
    if (x.size * filter.size * sizeOf(info.outShape) === 0) return tf.zeros(info.outShape);
    return tf.tidy(() => sumOfTaps(x, filter, info));
  };

function sumOfTaps(x: Image, filter: Image, info: ConvInfo): tf.Tensor {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, filterHeight, filterWidth } = info;
  const [height, width] = [strideHeight * (info.outHeight - 1) + 1, strideWidth * (info.outWidth - 1) + 1];
  const { top, left } = info.padInfo;
  const below = Math.max(0, height + info.effectiveFilterHeight - 1 - top - info.inHeight);
  const right = Math.max(0, width + info.effectiveFilterWidth - 1 - left - info.inWidth);
  const canvas = tf.pad(x, [[0, 0], [top, below], [left, right], [0, 0]]); // prettier-ignore
  const filterSize: Sizes = [1, 1, info.inChannels, info.outChannels];
  const products = Array.from({ length: filterHeight * filterWidth }, (_, tap) => {
    const [i, j] = [Math.floor(tap / filterWidth), tap % filterWidth];
    const met = tf.slice(canvas, [0, i * dilationHeight, j * dilationWidth, 0], [-1, height, width, -1]);
    const weights = tf.slice(filter, [i, j, 0, 0], filterSize);
    return tf.conv2d(met, weights, [strideHeight, strideWidth], "valid");
  });
  return products.reduce<tf.Tensor>((sum, product) => tf.add(sum, product), tf.scalar(0));
}
