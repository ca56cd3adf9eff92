import { useBackend, type BackendReport } from "cfd-distill";
import type { EngineName } from "./engines.js";

/** Starts an engine in this worker. */
export async function startEngine(name: EngineName): Promise<BackendReport> {
  if (name === "webgpu") await import("cfd-distill/backends/webgpu"); // whose package the bundler must see
  return useBackend(name);
}
