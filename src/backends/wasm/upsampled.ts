import * as tf from "@tensorflow/tfjs";
import { geometry, type ConvInfo } from "./geometry.js";
import { kernel } from "./heap.js";
import { backward, forward, suits, winograd } from "./winograd.js";
import { winogradFilterGradient } from "./winograd-filter-gradient.js";

// The engine's part of src/models/layers.ts's upsampled convolution. The enlarged image is nowhere in memory.

const attrs = { strides: 1, pad: "same", dataFormat: "NHWC" } as const;

type Image = [number, number, number, number];

/** Of the convolution with every pixel four times. */
function infoOf(x: tf.TensorInfo, filter: tf.TensorInfo): ConvInfo | undefined {
  const [batch, height, width, channels] = x.shape as Image;
  const info = geometry([batch, 2 * height, 2 * width, channels], filter.shape, attrs, [x, filter]);
  return info && suits(info) ? info : undefined;
}

const enlarge = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]);

const sumSquares = (x: tf.Tensor4D): tf.Tensor4D => tf.mul(4, tf.avgPool(x, 2, 2, "valid"));

/** x and the filter to the convolution. */
export const upsampledConv2d: tf.KernelFunc = kernel(({ input0, input1 }, backend) => {
  const info = infoOf(input0!, input1!);
  if (info !== undefined) return winograd(backend, input0!, input1!, { ...forward(info), halved: "from" });
  const [x, filter] = [input0, input1] as unknown as [tf.Tensor4D, tf.Tensor4D];
  return tf.tidy(() => tf.conv2d(enlarge(x), filter, 1, "same"));
});

/** dy, x and the filter to the gradients of the latter two. */
export const upsampledConv2dGradient: tf.KernelFunc = kernel(({ dy, input0, input1 }, backend) => {
  const info = infoOf(input0!, input1!);
  if (info !== undefined) {
    return [
      winograd(backend, dy!, input1!, { ...backward(info), halved: "to" }),
      winogradFilterGradient(backend, input0!, dy!, { ...forward(info), halved: "from" }),
    ];
  }
  const [x, filter, d] = [input0, input1, dy] as unknown as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  return tf.tidy(() => {
    const large = enlarge(x);
    const run = (name: string, inputs: tf.NamedTensorMap, more: object): tf.Tensor4D =>
      tf.engine().runKernel(name, inputs, { ...attrs, ...more });
    const dLarge = run(tf.Conv2DBackpropInput, { dy: d, filter }, { inputShape: large.shape });
    return [
      sumSquares(dLarge),
      run(tf.Conv2DBackpropFilter, { x: large, dy: d }, { filterShape: filter.shape }),
    ];
  });
});
