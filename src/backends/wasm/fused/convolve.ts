import * as tf from "../../../tfjs.js";
import type { Passage } from "../../../autodiff/fused-kernels.js";
import { convolveBackward, convolveForward } from "../convolution/direct.js";
import { convolveFilter } from "../convolution/filter-gradient.js";
import type { Added } from "../convolution/epilogue.js";
import { geometry, type ConvInfo } from "../convolution/geometry.js";
import { backward, forward, suits, winograd } from "../convolution/winograd.js";
import { winogradFilterGradient } from "../convolution/winograd-filter-gradient.js";
import type { FusedKernel } from "./fused-kernel.js";

// The engine's part of src/models/convolve.ts. Only where Winograd's way does not suit is an upsampled image in memory.

type Image = [number, number, number, number];

/** Of the convolution, of the enlarged image if it is upsampled. */
function infoOf(image: readonly number[], filter: readonly number[], attrs: Passage): ConvInfo {
  const { stride, border, upsampled } = attrs;
  const [batch, height, width, channels] = image as Image;
  const shape = upsampled ? [batch, 2 * height, 2 * width, channels] : image;
  return geometry(shape, filter, { strides: stride, pad: border, dataFormat: "NHWC" }, [])!;
}

/** x, the filter and what the attributes say is added, to the convolution. */
export const convolve: FusedKernel<"Convolve"> = ({ input0, input1, ...inputs }, backend, attrs) => {
  const [x, filter] = [input0!, input1!];
  const more = Object.values(inputs);
  const take = (name: keyof Added) => (attrs[name] ? more.shift() : undefined);
  const added: Added = { bias: take("bias"), rows: take("rows"), residual: take("residual") };
  const info = infoOf(x.shape, filter.shape, attrs);
  if (!attrs.upsampled) return convolveForward(backend, [x, filter], info, added);
  if (suits(info)) return winograd(backend, x, filter, { ...forward(info), halved: "from", added });
  return enlarged(x, (large) => convolveForward(backend, [large, filter], info, added));
};

/** dy and the filter to the gradient of x, which is of the given shape. */
export const convolveInputGradient: FusedKernel<"ConvolveInputGradient"> = (
  { dy, filter },
  backend,
  attrs,
) => {
  const info = infoOf(attrs.shape, filter!.shape, attrs);
  if (!attrs.upsampled) return convolveBackward(backend, [dy!, filter!], info);
  if (suits(info)) return winograd(backend, dy!, filter!, { ...backward(info), halved: "to" });
  const large = convolveBackward(backend, [dy!, filter!], info);
  return tf.tidy(() => sumSquares(tf.engine().makeTensorFromTensorInfo(large) as tf.Tensor4D));
};

/** x and dy to the gradient of the filter, which is of the given shape. */
export const convolveFilterGradient: FusedKernel<"ConvolveFilterGradient"> = ({ x, dy }, backend, attrs) => {
  const info = infoOf(x!.shape, attrs.shape, attrs);
  if (!attrs.upsampled) return convolveFilter(backend, [x!, dy!], info);
  if (suits(info)) return winogradFilterGradient(backend, x!, dy!, { ...forward(info), halved: "from" });
  return enlarged(x!, (large) => convolveFilter(backend, [large, dy!], info));
};

function enlarged(x: tf.TensorInfo, use: (large: tf.TensorInfo) => tf.TensorInfo): tf.TensorInfo {
  const [, height, width] = x.shape as Image;
  const large = tf.image.resizeNearestNeighbor(x as unknown as tf.Tensor4D, [2 * height, 2 * width]);
  const result = use(large);
  large.dispose();
  return result;
}

/** The sums of each four pixels. */
const sumSquares = (x: tf.Tensor4D): tf.Tensor4D => tf.mul(4, tf.avgPool(x, 2, 2, "valid"));
