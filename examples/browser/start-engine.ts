import { useBackend, type BackendReport } from "cfd-distill";
import type { EngineName } from "./engines.js";

/** Starts an engine in this worker; `threads` are for wasm, which takes all cores if they are not given. */
export async function startEngine(name: EngineName, threads?: number): Promise<BackendReport> {
  if (name === "webgpu") await import("cfd-distill/backends/webgpu"); // whose package the bundler must see
  return useBackend(name, name === "wasm" && threads !== undefined ? { threads } : {});
}
