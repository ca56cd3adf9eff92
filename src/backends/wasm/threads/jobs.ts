import { withScratch, type WasmBackend } from "../memory/heap.js";
import { joinedTo, type Kernels, type Loaded } from "../load-kernels.js";
import type { ThreadPool } from "./thread-pool.js";

// A job is a kernel that divides its output: (first, end, room, ...) computes the units from first to end, in scratch of
// its own at `room`. Whoever computes a unit sums it in the same order, so the bits depend neither on the threads nor on
// who claims what.

/** What there is to do. */
export interface Job {
  readonly units: number;
  /** Rough floating-point operations of one unit; {@link PASS} for each number that is read and written. */
  readonly work: number;
  /** Bytes of scratch that a thread needs, not cleared. */
  readonly room?: number;
}

/** Operations that take as long as one number does to come from memory and to go there again. */
export const PASS = 16;

/** Work that is done before other threads have taken notice of it, and work that is worth claiming: operations. */
const ALONE = 2 ** 18;
const CLAIM = 2 ** 16;

const threads = new WeakMap<Loaded, ThreadPool>();

/** The threads that compute this engine's jobs, if it has more than one. */
export const threadsOf = (backend: WasmBackend): ThreadPool | undefined => threads.get(joinedTo(backend));

/** Lets these threads compute the jobs from now on, or, without any, the calling one alone. */
export function setThreads(backend: WasmBackend, pool: ThreadPool | undefined): void {
  if (pool === undefined) threads.delete(joinedTo(backend));
  else threads.set(joinedTo(backend), pool);
}

/** Computes all units of a job, in all threads where it is large enough for that. */
export function run(
  backend: WasmBackend,
  name: keyof Kernels,
  { units, work, room = 0 }: Job,
  ...values: readonly number[]
): void {
  const pool = threadsOf(backend);
  pool?.check();
  const together = pool !== undefined && units > 1 && units * work > ALONE;
  withRoom(backend, room * (together ? pool.count : 1), (at) => {
    if (together) {
      pool.compute(name, { units, least: Math.ceil(CLAIM / work), room: at, roomBytes: room }, values);
    } else if (units > 0) {
      joinedTo(backend).kernels[name](0, units, at, ...values);
    }
  });
}

function withRoom(backend: WasmBackend, bytes: number, use: (at: number) => void): void {
  if (bytes === 0) use(0);
  else withScratch(backend, [bytes], use);
}
