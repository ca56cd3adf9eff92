import * as tf from "../../tfjs.js";
import { normal, type Probe } from "../probe.js";
import { at, build, map, sum, type Values } from "../values.js";

// What the layers of other people's networks (tf.layers) are made of: convolutions with an activation, dilations, filters
// smaller than their stride, one filter a channel.

type Pair = readonly [number, number];

interface Window {
  readonly size: Pair;
  readonly strides: Pair;
  readonly dilation?: number;
  /** Above, below, left and right, unless it is "same". */
  readonly borders?: readonly [number, number, number, number];
}

/** On one axis: how many outputs there are, and the input's pixel that output i and tap k meet. */
function axis(window: Window, which: 0 | 1, length: number) {
  const [stride, dilation] = [window.strides[which], window.dilation ?? 1];
  const size = dilation * (window.size[which] - 1) + 1;
  const borders = window.borders?.slice(2 * which, 2 * which + 2);
  const count = borders
    ? Math.floor((length + borders[0]! + borders[1]! - size) / stride) + 1
    : Math.ceil(length / stride);
  const before = borders?.[0] ?? Math.floor(Math.max(0, (count - 1) * stride + size - length) / 2);
  return { count, pixel: (i: number, k: number) => i * stride + dilation * k - before };
}

/** y[b, i, j, o] = sum of the pixels that the window meets there times what `weight` has for them, if it has. */
function convolved(
  x: Values,
  window: Window,
  outputs: number,
  weight: (tap: Pair, channel: number, output: number) => number | undefined,
): Values {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, columns] = [axis(window, 0, height), axis(window, 1, width)];
  return build([batch, rows.count, columns.count, outputs], (b, i, j, o) =>
    sum(window.size[0], (kh) =>
      sum(window.size[1], (kw) => {
        const [row, column] = [rows.pixel(i, kh), columns.pixel(j, kw)];
        const inside = row >= 0 && row < height && column >= 0 && column < width;
        return sum(inside ? channels : 0, (c) => {
          const factor = weight([kh, kw], c, o);
          return factor === undefined ? 0 : at(x, b, row, column, c) * factor;
        });
      }),
    ),
  );
}

const full =
  (filter: Values) =>
  ([kh, kw]: Pair, c: number, o: number) =>
    at(filter, kh, kw, c, o);

/** Channel c has the outputs c m to c m + m - 1. */
const byChannel = (filter: Values) => {
  const times = filter.shape[3]!;
  return ([kh, kw]: Pair, c: number, o: number) =>
    Math.floor(o / times) === c ? at(filter, kh, kw, c, o % times) : undefined;
};

/** As `tf` wants a window. */
function settings({ strides, dilation = 1, borders }: Window) {
  const [top, bottom, left, right] = borders ?? [0, 0, 0, 0];
  const explicit: tf.backend_util.ExplicitPadding = [[0, 0], [top, bottom], [left, right], [0, 0]]; // prettier-ignore
  const pad = borders ? explicit : ("same" as const);
  return { strides: strides as [number, number], pad, dilations: dilation };
}

const activated = (x: Values, bias: Values) =>
  map(x, (value, i) => Math.max(0, value + bias.data[i % bias.data.length]!));

const narrow: Window = { size: [1, 3], strides: [2, 2] };
const dilated: Window = { size: [3, 3], strides: [1, 1], dilation: 2 };
const usual: Window = { size: [3, 3], strides: [1, 1] };
const small: Window = { size: [2, 2], strides: [3, 3] };
const bordered: Window = { size: [3, 2], strides: [2, 2], borders: [1, 0, 0, 2] };
const uneven: Window = { size: [3, 3], strides: [1, 2] };

function depthwise(operation: string, window: Window, times: number): Probe {
  return {
    operation: `depthwiseConv2d ${operation}`,
    inputs: { x: normal(2, 5, 7, 3), filter: normal(...window.size, 3, times) },
    run: (x: tf.Tensor4D, filter: tf.Tensor4D) => {
      const { strides, pad, dilations } = settings(window);
      return tf.depthwiseConv2d(x, filter, strides, pad, "NHWC", dilations);
    },
    reference: (x, filter) => convolved(x, window, 3 * times, byChannel(filter)),
    ...(window === usual && { larger: { shapes: [[2, 32, 32, 32], [3, 3, 32, 1]] } }), // prettier-ignore
  };
}

export const depthwiseConvolutions: readonly Probe[] = [
  {
    operation: "fused.conv2d 1x3, stride 2, with a bias and ReLU",
    inputs: { x: normal(2, 6, 7, 3), filter: normal(1, 3, 3, 4), bias: normal(4) },
    run: (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor) =>
      tf.fused.conv2d({ x, filter, bias, activation: "relu", ...settings(narrow) }),
    reference: (x, filter, bias) => activated(convolved(x, narrow, 4, full(filter)), bias),
  },
  {
    operation: "conv2d 3x3, dilation 2",
    inputs: { x: normal(2, 5, 7, 3), filter: normal(3, 3, 3, 4) },
    run: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, 1, "same", "NHWC", 2),
    reference: (x, filter) => convolved(x, dilated, 4, full(filter)),
    differentiated: false, // TensorFlow.js refuses it on every engine
  },
  depthwise("3x3, stride 1, same", usual, 1),
  depthwise("2x2, stride 3, same, two outputs a channel", small, 2),
  depthwise("3x2, stride 2, uneven borders", bordered, 1),
  depthwise("3x3, strides 1 and 2, same", uneven, 1),
  {
    operation: "fused.depthwiseConv2d 3x3 with a bias and ReLU",
    inputs: { x: normal(2, 5, 7, 3), filter: normal(3, 3, 3, 1), bias: normal(3) },
    run: (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor) =>
      tf.fused.depthwiseConv2d({ x, filter, bias, activation: "relu", strides: 1, pad: "same" }),
    reference: (x, filter, bias) => activated(convolved(x, usual, 3, byChannel(filter)), bias),
  },
];
