import * as tf from "../tfjs.js";
import { version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { fail } from "../check.js";
import { registerEngine, type Cure } from "./engine.js";
import { keepNaN, keepNaNInWindows, losesNaN, nanAs } from "./nan.js";
import { convolution, directInputGradient } from "./wasm/convolution/direct.js";
import { directFilterGradient } from "./wasm/convolution/filter-gradient.js";
import { fused } from "./wasm/fused/index.js";
import { loadedFor, loadKernels } from "./wasm/load-kernels.js";
import { checkBackend, guardMemory, type WasmBackend } from "./wasm/memory/heap.js";
import { concat, slice, split, tile, unstack } from "./wasm/operations/copy.js";
import { clamped, elementwise } from "./wasm/operations/elementwise.js";
import { cast, identity } from "./wasm/operations/identity.js";
import { directFusedMatMul, directMatMul } from "./wasm/operations/mat-mul.js";
import { directMaxPoolGradient, directSegmentSum } from "./wasm/operations/scatter.js";
import { sums } from "./wasm/operations/sums.js";
import {
  depthwise,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  pool,
} from "./wasm/operations/window.js";
import { prepareBinary } from "./wasm/start/binary.js";
import { withoutListeners } from "./wasm/start/listeners.js";
import { fusedOf, prelu } from "./wasm/stock/activation.js";
import { filterGradient, inputGradient } from "./wasm/stock/conv2d.js";
import { dilatedConvolution, onFittedImage } from "./wasm/stock/dilated.js";
import { fusedMatMul, matMul } from "./wasm/stock/mat-mul.js";
import { maxPoolGradient, unsortedSegmentSum } from "./wasm/stock/scatter.js";
import {
  checkThreads,
  endThreads,
  endThreadsWith,
  reportThreads,
  startThreads,
} from "./wasm/threads/threads-of-engine.js";

// In wasm/: `start` starts the stock engine, in a memory that threads share; `memory` and `threads` are what kernels work in
// and who computes them. `stock` mends TensorFlow.js's operations with the engine's own kernels, where ours cannot run;
// `operations` and `convolution` compute them by ours, `fused` the table of src/autodiff/fused-kernels.ts. `kernels` holds
// ours, in AssemblyScript; what calls one mostly has its name, in one of the other folders.

/** A cure that needs no stock kernel. */
const whole = (kernelFunc: tf.KernelFunc) => () => kernelFunc;

/** A cure that falls back on the stock kernel. */
function part(wrap: (stock: tf.KernelFunc) => tf.KernelFunc): Cure["build"] {
  return (stock) => wrap(stock ?? fail("useBackend", "the stock kernel of wasm", "none"));
}

const smallFilters =
  "wrong where the filter is smaller than the stride, and with borders that differ; loses NaN";
const missing = "missing: without it nothing trains";
const copying = "the stock kernel copies far more than it must";

type Convolution = Parameters<typeof tf.conv2d>;
interface ConvolutionAttributes {
  readonly strides: Convolution[2];
  readonly pad: Convolution[3];
  readonly dataFormat: "NHWC" | "NCHW";
  readonly dilations: Convolution[5];
  readonly dimRoundingMode?: Convolution[6];
}

const fusedWith = (convolve: typeof tf.conv2d | typeof tf.depthwiseConv2d) =>
  fusedOf(({ x, filter }, attrs: ConvolutionAttributes) => {
    const { strides, pad, dataFormat, dilations, dimRoundingMode } = attrs;
    const [image, weights] = [x, filter] as [tf.Tensor4D, tf.Tensor4D];
    return convolve(image, weights, strides, pad, dataFormat, dilations, dimRoundingMode);
  });
const fusedConvolution = fusedWith(tf.conv2d);
const fusedDepthwise = fusedWith(tf.depthwiseConv2d);

const cures: readonly Cure[] = [
  {
    kernel: tf.Conv2DBackpropFilter,
    why: missing,
    build: whole(filterGradient),
  },
  {
    kernel: tf.Conv2DBackpropInput,
    why: "a tenth of the speed of the forward convolution",
    build: part(inputGradient),
  },
  {
    kernel: tf.BatchMatMul,
    why: "stale numbers after a reshape; transposes and batches slow",
    build: whole(matMul),
  },
  { kernel: tf._FusedMatMul, why: "wrong with a bias and a transpose or a batch", build: whole(fusedMatMul) },
  { kernel: tf.UnsortedSegmentSum, why: "missing: the gradient of gather", build: whole(unsortedSegmentSum) },
  { kernel: tf.MaxPoolGrad, why: "wrong where a window is all negative", build: whole(maxPoolGradient) },
  losesNaN(tf.Maximum, keepNaN),
  losesNaN(tf.Minimum, keepNaN),
  losesNaN(tf.ClipByValue, keepNaN),
  losesNaN(tf.Relu6, keepNaN),
  losesNaN(tf.Sign, keepNaN),
  losesNaN(tf.ArgMax, nanAs("x", Infinity)),
  losesNaN(tf.ArgMin, nanAs("x", -Infinity)),
  losesNaN(tf.MaxPool, keepNaNInWindows),
  losesNaN(tf.AvgPool, keepNaNInWindows),
  {
    kernel: tf.Prelu,
    why: "wrong with fewer weights than numbers, unless one a channel",
    build: whole(prelu),
  },
  { kernel: tf.Conv2D, why: smallFilters, build: part(onFittedImage({ depthwise: false })) },
  {
    kernel: tf.DepthwiseConv2dNative,
    why: smallFilters,
    build: part(onFittedImage({ depthwise: true })),
  },
  { kernel: tf.FusedConv2D, why: smallFilters, build: whole(fusedConvolution) },
  { kernel: tf.FusedDepthwiseConv2D, why: smallFilters, build: whole(fusedDepthwise) },
  { kernel: tf.Slice, why: copying, build: part(slice) },
  { kernel: tf.SplitV, why: copying, build: part(split) },
  { kernel: tf.Unpack, why: copying, build: part(unstack) },
  { kernel: tf.Concat, why: copying, build: part(concat) },
  { kernel: tf.Tile, why: copying, build: part(tile) },
  { kernel: tf.Identity, why: copying, build: part(identity) },
  { kernel: tf.Cast, why: copying, build: part(cast) },
];

const oneThread = "the stock kernel computes in one thread";

/** In place of some of the above, or besides them, where this library's own kernels run. */
const direct: readonly Cure[] = [
  {
    kernel: tf.Conv2D,
    why: "two thirds of the speed of this library's own kernel; loses NaN",
    build: part((stock) => convolution(dilatedConvolution(stock))),
  },
  {
    kernel: tf.Conv2DBackpropInput,
    why: "a twentieth of the speed of this library's own kernel",
    build: part((stock) => directInputGradient(inputGradient(stock))),
  },
  {
    kernel: tf.Conv2DBackpropFilter,
    why: missing,
    build: whole(directFilterGradient(filterGradient)),
  },
  {
    kernel: tf.BatchMatMul,
    why: "stale numbers after a reshape; transposes and batches slow",
    build: whole(directMatMul(matMul)),
  },
  {
    kernel: tf._FusedMatMul,
    why: "wrong with a bias and a transpose or a batch",
    build: whole(directFusedMatMul(fusedMatMul)),
  },
  {
    kernel: tf.UnsortedSegmentSum,
    why: "missing: the gradient of gather",
    build: whole(directSegmentSum(unsortedSegmentSum)),
  },
  {
    kernel: tf.MaxPoolGrad,
    why: "wrong where a window is all negative",
    build: whole(directMaxPoolGradient),
  },
  { kernel: tf.Add, why: oneThread, build: part(elementwise("add")) },
  { kernel: tf.Sub, why: oneThread, build: part(elementwise("subtract")) },
  { kernel: tf.Multiply, why: oneThread, build: part(elementwise("multiply")) },
  losesNaN(tf.Maximum, (stock) => elementwise("maximum")(keepNaN(stock))),
  losesNaN(tf.Minimum, (stock) => elementwise("minimum")(keepNaN(stock))),
  losesNaN(tf.ClipByValue, clamped()),
  { kernel: tf.Relu, why: oneThread, build: part(clamped([0, Infinity])) },
  losesNaN(tf.Relu6, clamped([0, 6])),
  losesNaN(tf.MaxPool, pool("maximum")),
  losesNaN(tf.AvgPool, pool("mean")),
  { kernel: tf.DepthwiseConv2dNative, why: smallFilters, build: whole(depthwise) },
  { kernel: tf.DepthwiseConv2dNativeBackpropInput, why: missing, build: whole(depthwiseInputGradient) },
  { kernel: tf.DepthwiseConv2dNativeBackpropFilter, why: missing, build: whole(depthwiseFilterGradient) },
  { kernel: tf.Sum, why: oneThread, build: part(sums({ mean: false })) },
  { kernel: tf.Mean, why: oneThread, build: part(sums({ mean: true })) },
  ...fused,
];

const replaced = new Set(direct.map(({ kernel }) => kernel));

const running = () => tf.backend() as unknown as WasmBackend;

registerEngine({
  name: "wasm",
  version: version_wasm,
  cures: async () => {
    checkBackend(tf.backend(), version_wasm);
    guardMemory(running());
    const own = await loadKernels(running());
    return own ? [...direct, ...cures.filter((cure) => !replaced.has(cure.kernel))] : cures;
  },
  build: () => loadedFor(running())?.build,
  async prepare(options) {
    checkThreads(options);
    // The engine's own threaded build, which a cross-origin isolated page would get, hides its memory.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    await prepareBinary(options.wasmPaths);
  },
  around: withoutListeners,
  startThreads: (options) => {
    endThreadsWith(running());
    return startThreads(running(), options);
  },
  threads: () => reportThreads(running()),
  rest: () => {
    const backend: unknown = tf.engine().registry.wasm;
    return backend === undefined ? Promise.resolve() : endThreads(backend as WasmBackend);
  },
});
