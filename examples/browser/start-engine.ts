import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import plain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import { useBackend, type BackendReport } from "cfd-distill";
import type { EngineName } from "./engines.js";

const wasmPaths = { "tfjs-backend-wasm.wasm": plain, "tfjs-backend-wasm-simd.wasm": simd };

// Written out, so that the bundler sees each engine and packs it into a file of its own.
const load: Readonly<Record<EngineName, () => Promise<unknown>>> = {
  wasm: () => import("cfd-distill/backends/wasm"),
  webgl: () => import("cfd-distill/backends/webgl"),
  webgpu: () => import("cfd-distill/backends/webgpu"),
};

/** Loads an engine into this worker and starts it. */
export async function startEngine(name: EngineName): Promise<BackendReport> {
  await load[name]();
  return useBackend(name, name === "wasm" ? { wasmPaths } : {});
}
