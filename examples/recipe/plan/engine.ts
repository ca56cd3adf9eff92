import { useBackend, type BackendReport } from "cfd-distill";
import type { CliChoice } from "../config/command-line.js";
import type { RecipeConfig } from "../config/schema.js";

/** Starts what computes. The number of threads is no part of a run's config, as no bit of a result depends on it. */
export function startEngine(name: RecipeConfig["engine"], { threads }: CliChoice): Promise<BackendReport> {
  if (threads === undefined) return useBackend(name);
  if (name === "wasm") return useBackend(name, { threads });
  throw new Error(`--threads: expected the engine wasm, the only one whose threads can be set, got ${name}.`);
}

/** "wasm in 2 threads", and why not in more where something is in the way. */
export function nameOf({ name, threads, threadsLimit }: BackendReport): string {
  if (threads === undefined) return name;
  const limit = threadsLimit === undefined ? "" : ` (${threadsLimit})`;
  return `${name} in ${threads === 1 ? "1 thread" : `${threads} threads`}${limit}`;
}
