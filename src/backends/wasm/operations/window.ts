import * as tf from "../../../tfjs.js";
import { check } from "../../../check.js";
import { type Attributes, type ConvInfo, type Sizes } from "../convolution/geometry.js";
import {
  DOUBLE,
  FLOAT,
  address,
  kernel,
  sizeOf,
  withScratch,
  writeInts,
  type WasmBackend,
} from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import { poolInfo, type PoolAttributes } from "../stock/scatter.js";

// Pools and depthwise convolutions, whose windows go through each channel by itself.

/** As in kernels/window.ts. */
const kinds = { maximum: 0, mean: 1, weighted: 2 } as const;

/** tf.maxPool and tf.avgPool; `stock` does other types. */
export const pool =
  (kind: "maximum" | "mean") =>
  (stock: tf.KernelFunc): tf.KernelFunc =>
  (call) => {
    const own = kernel<PoolAttributes>(({ x }, backend, attrs) => {
      const info = poolInfo(x!, attrs);
      return slide(backend, kind, forwards(info), { x: x!, to: info.outShape });
    });
    return call.inputs.x!.dtype === "float32" ? own(call) : stock(call);
  };

/** The numbers of kernels/window.ts's Window. */
type Plan = readonly number[];

function forwards(info: ConvInfo): Plan {
  const { padInfo } = info;
  return [
    ...[info.batchSize, info.inHeight, info.inWidth, info.outChannels, info.outHeight, info.outWidth],
    ...[info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth],
    ...[info.dilationHeight, info.dilationWidth, padInfo.top, padInfo.left, 1, 1],
  ];
}

/** From the output's gradient to the input's. */
function backwards(info: ConvInfo): Plan {
  const { padInfo } = info;
  return [
    ...[info.batchSize, info.outHeight, info.outWidth, info.outChannels, info.inHeight, info.inWidth],
    ...[info.filterHeight, info.filterWidth, 1, 1, -info.dilationHeight, -info.dilationWidth],
    ...[-padInfo.top, -padInfo.left, info.strideHeight, info.strideWidth],
  ];
}

interface Ends {
  readonly x: tf.TensorInfo;
  readonly filter?: tf.TensorInfo;
  readonly to: readonly number[];
}

function slide(backend: WasmBackend, kind: keyof typeof kinds, plan: Plan, { x, filter, to }: Ends) {
  const out = backend.makeOutput(to, "float32");
  const taps = plan[6]! * plan[7]!;
  const [batch, height, width, channels] = to as Sizes;
  const job = { units: batch * height, work: PASS * taps * width * channels, room: 2 * FLOAT * taps };
  const places = [x, filter, out].map((tensor) => (tensor ? address(backend, tensor) : 0));
  withScratch(backend, [plan.length * FLOAT], (at) => {
    writeInts(backend, at, plan);
    run(backend, "slide", job, kinds[kind], at, ...places);
  });
  return out;
}

/** The sizes of a depthwise convolution; channel c of the input has the outputs c m to c m + m - 1. */
function depthwiseInfo(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: Attributes,
): ConvInfo {
  const { strides, pad, dilations, dimRoundingMode, dataFormat } = attrs;
  check(dataFormat !== "NCHW", "depthwiseConv2d", "NHWC on wasm", dataFormat);
  const [input, filter] = [inputShape, filterShape] as [Sizes, Sizes];
  const rates = dilations ?? 1;
  return tf.backend_util.computeConv2DInfo(input, filter, strides, rates, pad, dimRoundingMode, true);
}

/** The image with each channel as often as it has outputs. */
function repeated(x: tf.TensorInfo, filterShape: readonly number[]): tf.Tensor {
  const [batch, height, width, channels] = x.shape as Sizes;
  const times = filterShape[3]!;
  if (times === 1) return x as unknown as tf.Tensor;
  const apart = tf.reshape(x as unknown as tf.Tensor, [batch, height, width, channels, 1]);
  return tf.reshape(tf.tile(apart, [1, 1, 1, 1, times]), [batch, height, width, channels * times]);
}

/** tf.depthwiseConv2d */
export const depthwise: tf.KernelFunc = kernel<Attributes>(({ x, filter }, backend, attrs) => {
  const info = depthwiseInfo(x!.shape, filter!.shape, attrs);
  const to = info.outShape;
  return tf.tidy(() => {
    const ends = { x: repeated(x!, filter!.shape), filter: filter!, to };
    return slide(backend, "weighted", forwards(info), ends) as unknown as tf.Tensor;
  });
});

/** dL/dx */
export const depthwiseInputGradient: tf.KernelFunc = kernel<Attributes>(({ dy, filter }, backend, attrs) => {
  const inputShape = attrs.inputShape!;
  const info = depthwiseInfo(inputShape, filter!.shape, attrs);
  const times = filter!.shape[3]!;
  const to = [...inputShape.slice(0, 3), info.outChannels];
  const all = slide(backend, "weighted", backwards(info), { x: dy!, filter: filter!, to });
  if (times === 1) return all;
  return tf.tidy(() => {
    const apart = tf.reshape(tf.engine().makeTensorFromTensorInfo(all), [...inputShape, times]);
    return tf.sum(apart, -1);
  });
});

/** dL/dw */
export const depthwiseFilterGradient: tf.KernelFunc = kernel<Attributes>(({ x, dy }, backend, attrs) => {
  const filterShape = attrs.filterShape!;
  const info = depthwiseInfo(x!.shape, filterShape, attrs);
  const plan = forwards(info);
  const out = backend.makeOutput(filterShape, "float32");
  tf.tidy(() => {
    const places = [repeated(x!, filterShape), dy!, out].map((tensor) => address(backend, tensor));
    const work = PASS * sizeOf(info.outShape);
    const job = { units: filterShape[0] * filterShape[1], work, room: DOUBLE * info.outChannels };
    withScratch(backend, [plan.length * FLOAT], (at) => {
      writeInts(backend, at, plan);
      run(backend, "slideBackwards", job, at, ...places);
    });
  });
  return out;
});
