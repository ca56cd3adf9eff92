import * as tf from "@tensorflow/tfjs";
import { setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { check, describe, fail } from "../check.js";
import { registerEngine, type BackendOptions, type Cure } from "./engine.js";
import { filterGradient, inputGradient } from "./wasm/conv2d.js";
import { convolution, directInputGradient } from "./wasm/direct.js";
import { directFilterGradient } from "./wasm/direct-filter-gradient.js";
import { directFusedMatMul, directMatMul } from "./wasm/direct-mat-mul.js";
import { fused } from "./wasm/fused.js";
import { viewOf, type WasmBackend } from "./wasm/heap.js";
import { loadKernels, runningBuild } from "./wasm/module.js";
import { concat, slice, split, tile, unstack } from "./wasm/copy.js";
import { fusedMatMul, matMul } from "./wasm/mat-mul.js";
import { cast, identity } from "./wasm/share.js";
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
  ...fused,
];

const replaced = new Set(direct.map(({ kernel }) => kernel));

let given: BackendOptions["wasmPaths"];

const used = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"];
const unused = {
  "tfjs-backend-wasm-threaded-simd.wasm": "never started, but the stock function insists on it",
};

/** Hands the paths on. Once wasm has started the stock function ignores them; after a failed start it throws. */
function setPaths(wasmPaths: NonNullable<BackendOptions["wasmPaths"]>): void {
  if (JSON.stringify(wasmPaths) === JSON.stringify(given)) return;
  const whole = typeof wasmPaths === "string" || used.every((name) => wasmPaths[name] !== undefined);
  check(whole, "useBackend", `wasmPaths to hold the addresses of ${used.join(" and ")}`, wasmPaths);
  const expected = "wasmPaths before wasm first starts";
  if ("wasm" in tf.engine().registry) fail("useBackend", expected, `${describe(wasmPaths)} after it`);
  try {
    setWasmPaths(typeof wasmPaths === "string" ? wasmPaths : { ...unused, ...wasmPaths });
  } catch (cause) {
    throw new Error(`useBackend: expected ${expected}, got ${describe(wasmPaths)} after it.`, { cause });
  }
  given = wasmPaths;
}

registerEngine({
  name: "wasm",
  version: version_wasm,
  cures: async () => {
    const own = await loadKernels(tf.backend() as unknown as WasmBackend);
    return own ? [...direct, ...cures.filter((cure) => !replaced.has(cure.kernel))] : cures;
  },
  build: runningBuild,
  copies: true,
  view: (tensor) => viewOf(tf.backend() as unknown as WasmBackend, tensor),
  prepare({ wasmPaths }) {
    // The threaded build, which a cross-origin isolated page would get, has a memory that own kernels cannot join.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    if (wasmPaths !== undefined) setPaths(wasmPaths);
  },
});
