import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import type { KernelBuild } from "../../src/backends/engine.js";
import { loadKernels } from "../../src/backends/wasm/load-kernels.js";
import type { WasmBackend } from "../../src/backends/wasm/memory/heap.js";
import { useBackend } from "../../src/index.js";

/** Makes wasm the engine, with this build of the library's kernels. The next useBackend("wasm") takes the best again. */
export async function useWasm(build: KernelBuild): Promise<void> {
  await useBackend("wasm");
  const running = await loadKernels(tf.backend() as unknown as WasmBackend, build);
  if (running !== build) throw new Error(`useWasm: expected ${build}, got ${running ?? "none"}.`);
}

/** The builds that run here: plain SIMD on every engine, relaxed SIMD from Node 22 on. */
export async function runnableBuilds(): Promise<readonly KernelBuild[]> {
  const { build } = await useBackend("wasm");
  return build === "relaxed" ? ["plain", "relaxed"] : ["plain"];
}
