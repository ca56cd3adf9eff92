import * as tf from "../../../tfjs.js";
import type { Attributes, ConvInfo, Sizes } from "../convolution/geometry.js";

// Both gradients of a convolution are convolutions themselves, and the engine's forward one is its best kernel.
// bench/NOTES.md has the measurements behind each choice.

function describe(inputShape: Sizes, filterShape: Sizes, attrs: Attributes, where: string): ConvInfo {
  if (attrs.dataFormat === "NCHW") throw new Error(`${where}: expected NHWC on wasm, got NCHW.`);
  const { strides, pad, dimRoundingMode } = attrs;
  return tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
}

/**
 * dL/dw[kh, kw, ci, co] = sum over b, i, j of x[b, s i + kh, s j + kw, ci] dy[b, i, j, co]: for each kw a
 * convolution over one image, whose pixels are rows of x times its channels, whose channels are the columns that kw
 * meets times the samples, and whose filter is dy, dilated by the stride. So no output is computed in vain.
 */
export const filterGradient: tf.KernelFunc = (call) => {
  const [x, dy] = [call.inputs.x, call.inputs.dy] as unknown as [tf.Tensor4D, tf.Tensor4D];
  const attrs = call.attrs as unknown as Attributes;
  const info = describe(x.shape, attrs.filterShape!, attrs, "Conv2DBackpropFilter");
  return tf.tidy(() => {
    const { filterHeight, filterWidth } = info;
    return filterHeight * filterWidth === 1 ? pointwiseFilterGradient(x, dy, info) : correlate(x, dy, info);
  });
};

function correlate(x: tf.Tensor4D, dy: tf.Tensor4D, info: ConvInfo): tf.Tensor4D {
  const { batchSize, inChannels, outChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const fitted = fit(x, info);
  const [, height, width] = fitted.shape;
  const stride = info.strideWidth;
  // Columns are dealt out by their place within a stride, so that those which one kw meets are neighbours.
  const columns: tf.Tensor4D = tf.reshape(tf.transpose(fitted, [1, 3, 2, 0]), [
    height,
    inChannels,
    width / stride,
    stride * batchSize,
  ]);
  const filter: tf.Tensor4D = tf.reshape(tf.transpose(dy, [1, 2, 0, 3]), [
    outHeight,
    1,
    outWidth * batchSize,
    outChannels,
  ]);
  const parts = Array.from({ length: filterWidth }, (_, kw) => {
    const begin: Sizes = [0, 0, Math.floor(kw / stride), (kw % stride) * batchSize];
    const met = tf.slice(columns, begin, [-1, -1, outWidth, batchSize]);
    const image: tf.Tensor4D = tf.reshape(met, [1, height, inChannels, outWidth * batchSize]);
    const rows = tf.conv2d(image, filter, 1, "valid", "NHWC", [info.strideHeight, 1]);
    return tf.reshape(rows, [filterHeight, 1, inChannels, outChannels]);
  });
  return tf.concat(parts, 1) as tf.Tensor4D;
}

/** x padded, and cropped where the stride leaves a rest, to what the filter visits, in columns of whole strides. */
function fit(x: tf.Tensor4D, info: ConvInfo): tf.Tensor4D {
  const height = info.strideHeight * (info.outHeight - 1) + info.filterHeight;
  const visited = info.strideWidth * (info.outWidth - 1) + info.filterWidth;
  const width = Math.ceil(visited / info.strideWidth) * info.strideWidth;
  const { top, left } = info.padInfo;
  const [, inHeight, inWidth] = x.shape;
  const rows: [number, number] = [top, Math.max(0, height - top - inHeight)];
  const columns: [number, number] = [left, Math.max(0, width - left - inWidth)];
  const bare = [...rows, ...columns].every((border) => border === 0);
  const padded = bare ? x : tf.pad(x, [[0, 0], rows, columns, [0, 0]]);
  const exact = padded.shape[1] === height && padded.shape[2] === width;
  return exact ? padded : tf.slice(padded, [0, 0, 0, 0], [-1, height, width, -1]);
}

/** A 1x1 filter's gradient is one matrix product over all pixels. */
function pointwiseFilterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, info: ConvInfo): tf.Tensor4D {
  const visited = subsample(fit(x, info), info);
  const pixels = dy.size / info.outChannels;
  const [inputs, outputs] = [
    tf.reshape(visited, [pixels, info.inChannels]),
    tf.reshape(dy, [pixels, info.outChannels]),
  ];
  return tf.reshape(tf.matMul(inputs, outputs, true, false), [1, 1, info.inChannels, info.outChannels]);
}

/** Every stride-th row and column. */
function subsample(x: tf.Tensor4D, info: ConvInfo): tf.Tensor4D {
  const strides = [1, info.strideHeight, info.strideWidth, 1];
  if (strides.every((stride) => stride === 1)) return x;
  return tf.stridedSlice(x, [0, 0, 0, 0], x.shape, strides) as tf.Tensor4D;
}

/** dL/dx: dy, spread out by the stride, convolved with the filter turned round and its channels exchanged. */
export function inputGradient(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const [dy, filter] = [call.inputs.dy, call.inputs.filter] as unknown as [tf.Tensor4D, tf.Tensor4D];
    const attrs = call.attrs as unknown as Attributes;
    const info = describe(attrs.inputShape!, filter.shape, attrs, "Conv2DBackpropInput");
    const borders = bordersOfInput(info);
    // Borders wider than the filter would have to be negative here; nobody asks for them.
    if (borders.flat().some((border) => border < 0)) return stock(call);
    return tf.tidy(() => {
      const turned = turn(filter);
      const pointwise = info.filterHeight * info.filterWidth === 1;
      if (!pointwise) return tf.conv2d(spread(dy, info), turned, 1, [[0, 0], ...borders, [0, 0]]);
      // A 1x1 filter commutes with the spreading, and meets fewer pixels before it.
      return tf.pad(spread(tf.conv2d(dy, turned, 1, "valid"), info), [[0, 0], ...borders, [0, 0]]);
    });
  };
}

/** Rows above and below, columns left and right, with which the spread dy yields exactly the input's size. */
function bordersOfInput(info: ConvInfo): [[number, number], [number, number]] {
  const { top, left } = info.padInfo;
  const below = info.inHeight + top - info.strideHeight * (info.outHeight - 1) - 1;
  const right = info.inWidth + left - info.strideWidth * (info.outWidth - 1) - 1;
  return [
    [info.filterHeight - 1 - top, below],
    [info.filterWidth - 1 - left, right],
  ];
}

/** Puts stride - 1 zeros between the pixels. */
function spread(dy: tf.Tensor4D, info: ConvInfo): tf.Tensor4D {
  const { strideHeight, strideWidth } = info;
  if (strideHeight * strideWidth === 1) return dy;
  const [batch, height, width, channels] = dy.shape;
  const after = (zeros: number): [number, number][] => [
    [0, 0],
    [0, zeros],
    [0, 0],
  ];
  const columns = tf.pad(tf.reshape(dy, [batch * height * width, 1, channels]), after(strideWidth - 1));
  const rows = tf.pad(tf.reshape(columns, [batch * height, 1, -1]), after(strideHeight - 1));
  const all: tf.Tensor4D = tf.reshape(rows, [batch, height * strideHeight, width * strideWidth, channels]);
  return tf.slice(
    all,
    [0, 0, 0, 0],
    [-1, strideHeight * (height - 1) + 1, strideWidth * (width - 1) + 1, -1],
  );
}

/** The filter turned by half a circle, its channels exchanged. Splitting is far cheaper than tf.reverse. */
function turn(filter: tf.Tensor4D): tf.Tensor4D {
  const [height, width, inputs, outputs] = filter.shape;
  const taps = height * width;
  const exchanged = tf.transpose(tf.reshape(filter, [taps, inputs, outputs]), [0, 2, 1]);
  const backwards = taps === 1 ? exchanged : tf.concat(tf.split(exchanged, taps).reverse(), 0);
  return tf.reshape(backwards, [height, width, outputs, inputs]);
}
