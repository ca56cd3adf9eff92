import * as tf from "../../../tfjs.js";
import type { Attributes, ConvInfo, Sizes } from "../convolution/geometry.js";
import { sizeOf } from "../memory/heap.js";

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

/** The pixels that the first tap visits, from the first to the last. */
const visited = (info: ConvInfo) =>
  [info.strideHeight * (info.outHeight - 1) + 1, info.strideWidth * (info.outWidth - 1) + 1] as const;

/** The image with its borders, and nothing that no tap visits. */
function fit(x: Image, info: ConvInfo): Image {
  const [height, width] = visited(info);
  const { top, left } = info.padInfo;
  const rows = height + info.effectiveFilterHeight - 1;
  const columns = width + info.effectiveFilterWidth - 1;
  const [below, right] = [rows - top - info.inHeight, columns - left - info.inWidth];
  const canvas = tf.pad(x, [[0, 0], [top, Math.max(0, below)], [left, Math.max(0, right)], [0, 0]]); // prettier-ignore
  return tf.slice(canvas, [0, 0, 0, 0], [-1, rows, columns, -1]);
}

/** For a stock kernel that is right where there is nothing to be padded: it reads past the image elsewhere. */
export const onFittedImage =
  ({ depthwise }: { readonly depthwise: boolean }) =>
  (stock: tf.KernelFunc): tf.KernelFunc =>
  (call) => {
    const [x, filter] = [call.inputs.x, call.inputs.filter] as unknown as [Image, Image];
    const { strides, pad, dilations, dimRoundingMode, dataFormat } = call.attrs as unknown as Attributes;
    if (dataFormat === "NCHW") return stock(call);
    const sizes = [x.shape, filter.shape] as const;
    const rates = dilations ?? 1;
    const info = tf.backend_util.computeConv2DInfo(...sizes, strides, rates, pad, dimRoundingMode, depthwise);
    return tf.tidy(() => {
      const inputs = { ...call.inputs, x: fit(x, info) };
      return stock({ ...call, inputs, attrs: { ...call.attrs, pad: "valid" } }) as tf.Tensor;
    });
  };

function sumOfTaps(x: Image, filter: Image, info: ConvInfo): tf.Tensor {
  const { strideHeight, strideWidth, dilationHeight, dilationWidth, filterHeight, filterWidth } = info;
  const [height, width] = visited(info);
  const canvas = fit(x, info);
  const filterSize: Sizes = [1, 1, info.inChannels, info.outChannels];
  const products = Array.from({ length: filterHeight * filterWidth }, (_, tap) => {
    const [i, j] = [Math.floor(tap / filterWidth), tap % filterWidth];
    const met = tf.slice(canvas, [0, i * dilationHeight, j * dilationWidth, 0], [-1, height, width, -1]);
    const weights = tf.slice(filter, [i, j, 0, 0], filterSize);
    return tf.conv2d(met, weights, [strideHeight, strideWidth], "valid");
  });
  return products.reduce<tf.Tensor>((sum, product) => tf.add(sum, product), tf.scalar(0));
}
