import * as tf from "@tensorflow/tfjs";
import { version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { fail } from "../check.js";
import { registerEngine, type Cure } from "./engine.js";
import { prepareBinary } from "./wasm/binary.js";
import { filterGradient, inputGradient } from "./wasm/conv2d.js";
import { convolution, directInputGradient } from "./wasm/direct.js";
import { directFilterGradient } from "./wasm/direct-filter-gradient.js";
import { directFusedMatMul, directMatMul } from "./wasm/direct-mat-mul.js";
import { directMaxPoolGradient, directSegmentSum } from "./wasm/direct-scatter.js";
import { elementwise } from "./wasm/elementwise.js";
import { fused } from "./wasm/fused.js";
import { guardMemory, type WasmBackend } from "./wasm/heap.js";
import { loadedFor, loadKernels } from "./wasm/module.js";
import { checkThreads, endTeam, endWith, reportTeam, startTeam } from "./wasm/team.js";
import { concat, slice, split, tile, unstack } from "./wasm/copy.js";
import { fusedMatMul, matMul } from "./wasm/mat-mul.js";
import { cast, identity } from "./wasm/share.js";
import { sums } from "./wasm/sums.js";
import { maxPoolGradient, unsortedSegmentSum } from "./wasm/scatter.js";

/** A cure that needs no stock kernel. */
const whole = (kernelFunc: tf.KernelFunc) => () => kernelFunc;

/** A cure that falls back on the stock kernel. */
function part(wrap: (stock: tf.KernelFunc) => tf.KernelFunc): Cure["build"] {
  return (stock) => wrap(stock ?? fail("useBackend", "the stock kernel of wasm", "none"));
}

const copying = "the stock kernel copies far more than it must";

const cures: readonly Cure[] = [
  {
    kernel: tf.Conv2DBackpropFilter,
    why: "missing: without it nothing trains",
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
    why: "two thirds of the speed of this library's own kernel, which does all but dilations",
    build: part(convolution),
  },
  {
    kernel: tf.Conv2DBackpropInput,
    why: "a twentieth of the speed of this library's own kernel",
    build: part((stock) => directInputGradient(inputGradient(stock))),
  },
  {
    kernel: tf.Conv2DBackpropFilter,
    why: "missing: without it nothing trains",
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
  startThreads: (options) => {
    endWith(running());
    return startTeam(running(), options);
  },
  threads: () => reportTeam(running()),
  rest: () => {
    const backend: unknown = tf.engine().registry.wasm;
    return backend === undefined ? Promise.resolve() : endTeam(backend as WasmBackend);
  },
});
