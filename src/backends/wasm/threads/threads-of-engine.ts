import { check, fail } from "../../../check.js";
import type { BackendOptions, ThreadReport } from "../../engine.js";
import { whyNotShared } from "../start/binary.js";
import { physicalCores } from "./cores.js";
import type { WasmBackend } from "../memory/heap.js";
import { setThreads, threadsOf } from "./jobs.js";
import { keepingListeners } from "../start/listeners.js";
import { loadedFor } from "../load-kernels.js";
import { startPool } from "./thread-pool.js";

/** More would only wait for each other. */
const MOST = 64;

export function checkThreads({ threads, strict }: BackendOptions): void {
  const valid = threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MOST);
  check(valid, "useBackend", `threads to be a whole number from 1 to ${MOST}`, threads);
  check(strict === undefined || typeof strict === "boolean", "useBackend", "strict to be a boolean", strict);
}

const limits = new WeakMap<WasmBackend, string>();

/** Has as many threads compute as are asked for, or as there are cores, or as can be had. */
export async function startThreads(backend: WasmBackend, { threads, strict }: BackendOptions): Promise<void> {
  const count = threads ?? (await physicalCores());
  const limit = await bring(backend, count);
  if (limit === undefined) limits.delete(backend);
  else limits.set(backend, limit);
  if (strict === true && limit !== undefined) {
    fail("useBackend", `${count} threads on wasm`, `1, because ${limit}`);
  }
}

/** How many threads compute, and why not as many as {@link startThreads} was asked for. */
export function reportThreads(backend: WasmBackend): ThreadReport {
  const threads = (loadedFor(backend) && threadsOf(backend)?.count) ?? 1;
  const limit = limits.get(backend);
  return { threads, ...(limit !== undefined && { threadsLimit: limit }) };
}

/** Starts so many threads, unless they run already; or says why one computes alone. */
async function bring(backend: WasmBackend, count: number): Promise<string | undefined> {
  if (count > 1 && runs(backend, count)) return undefined;
  await endThreads(backend);
  if (count === 1) return undefined;
  const loaded = loadedFor(backend);
  const limit = loaded === undefined ? "this library's kernels do not run here" : whyNotShared();
  if (limit !== undefined) return limit;
  try {
    const pool = await startPool({ count, ...loaded! });
    setThreads(backend, pool);
    if (removed.has(backend)) await endThreads(backend); // meanwhile, and nobody else would end them
    return undefined;
  } catch (error) {
    return `a worker could not be started: ${(error as Error).message}`;
  }
}

function runs(backend: WasmBackend, count: number): boolean {
  if (loadedFor(backend) === undefined) return false;
  const pool = threadsOf(backend);
  try {
    pool?.check();
    return pool?.count === count;
  } catch {
    return false;
  }
}

/** Ends all threads but the calling one, which then computes alone. */
export async function endThreads(backend: WasmBackend): Promise<void> {
  if (loadedFor(backend) === undefined) return;
  const pool = threadsOf(backend);
  setThreads(backend, undefined);
  await pool?.end();
}

const watched = new WeakSet<WasmBackend>();
const removed = new WeakSet<WasmBackend>();

/** Ends the threads when TensorFlow.js removes the engine. */
export function endThreadsWith(backend: WasmBackend): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  const stock = backend.dispose.bind(backend);
  backend.dispose = () => {
    removed.add(backend);
    void endThreads(backend);
    keepingListeners(stock);
  };
}
