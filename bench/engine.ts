import { useBackend, type BackendReport } from "cfd-distill";
import type { Engine } from "./contender.js";

/** Starts an engine in this process. Its threads are fixed from then on; only wasm's can be told. */
export function startEngine(engine: Engine, threads: number): Promise<BackendReport> {
  return useBackend(engine, engine === "wasm" ? { threads, strict: true } : {});
}
