import { CHARACTERS, LINE, place, VALUES, type Start } from "./worker-program.js";
import { startWorker, type Worker } from "./worker.js";

// Threads that compute the kernels' jobs together. The calling thread takes part in each job, and then waits until
// nobody is at work on it.

type Kernel = (...values: number[]) => void;

/** What all threads are given. */
export interface PoolOptions {
  readonly count: number;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The calling thread's. */
  readonly kernels: Readonly<Record<string, Kernel>>;
}

/** How a job is divided. */
export interface Parts {
  readonly units: number;
  /** Units that a thread claims at a time, at least. */
  readonly least: number;
  /** Where the threads' scratch begins, and how many bytes each of them has. */
  readonly room: number;
  readonly roomBytes: number;
}

export interface ThreadPool {
  /** The calling thread is one of them. */
  readonly count: number;
  /** Computes all units of a job; throws where a thread failed, and from then on. */
  readonly compute: (kernel: string, parts: Parts, values: readonly number[]) => void;
  /** Throws if a thread has failed. */
  readonly check: () => void;
  /** Resolves when the others have ended. */
  readonly end: () => Promise<void>;
}

/** What the calling thread and its workers have in common. */
interface Pool {
  readonly start: Start;
  workers: readonly Worker[];
  /** Why they can work no more. */
  trouble?: string;
}

/** Starts the other threads; throws where one cannot be started. */
export async function startPool({ count, module, memory, kernels }: PoolOptions): Promise<ThreadPool> {
  const names = Object.keys(kernels).filter((name) => typeof kernels[name] === "function");
  const start: Start = {
    ...{ module, memory, names, count, index: 0 },
    control: new Int32Array(new SharedArrayBuffer(4 * (place.ranges + LINE * count))),
    values: new Float64Array(new SharedArrayBuffer(8 * (2 + VALUES))),
    text: new Uint16Array(new SharedArrayBuffer(2 * CHARACTERS)),
  };
  start.control[place.awake] = AWAKE.most;
  const pool: Pool = { start, workers: [] };
  const begin = (index: number) =>
    startWorker({ ...start, index }, (reason) => {
      pool.trouble ??= `thread ${index + 1} of ${count} ended: ${reason}`;
    });
  const results = await Promise.allSettled([begin(1)]); // alone: a page that forbids it complains of each
  if (results[0].status === "fulfilled") {
    const others = Array.from({ length: count - 2 }, (_, i) => begin(i + 2));
    results.push(...(await Promise.allSettled(others)));
  }
  const end = async () => {
    pool.trouble ??= "they were ended";
    callThreads(start.control, -1);
    await Promise.all(pool.workers.map((worker) => worker.end()));
  };
  pool.workers = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (pool.workers.length < count - 1) {
    await end();
    throw results.find((result) => result.status === "rejected")!.reason;
  }
  const compute: ThreadPool["compute"] = (kernel, parts, values) => {
    computeTogether(pool, { name: kernel, run: kernels[kernel]! }, parts, values);
  };
  return {
    count,
    compute,
    check: () => {
      checkPool(pool);
    },
    end,
  };
}

function checkPool({ trouble }: Pool): void {
  if (trouble !== undefined) {
    throw new Error(
      `wasm: expected its threads to compute, got none: ${trouble}; useBackend("wasm") starts them anew, then load the ` +
        "last checkpoint, as weights may be half updated.",
    );
  }
}

function computeTogether(
  pool: Pool,
  kernel: { readonly name: string; readonly run: Kernel },
  { units, least, room, roomBytes }: Parts,
  given: readonly number[],
): void {
  checkPool(pool);
  const { control, values, names, count } = pool.start;
  if (given.length > VALUES)
    throw new Error(`${kernel.name}: expected at most ${VALUES} numbers, got ${given.length}.`);
  control[place.kernel] = names.indexOf(kernel.name);
  control[place.least] = least;
  values[0] = room;
  values[1] = roomBytes;
  values.set(given, 2);
  for (let i = 0; i < count; i++) {
    const range = place.ranges + LINE * i;
    control[range] = Math.floor((units * i) / count);
    control[range + 1] = Math.floor((units * (i + 1)) / count);
  }
  callThreads(control, 1);
  try {
    claim(pool.start, least, (first, end) => {
      kernel.run(first, end, room, ...given);
    });
  } finally {
    Atomics.store(control, place.open, 0);
    waitForOthers(pool, kernel.name);
  }
  const failed = Atomics.exchange(control, place.failed, 0);
  if (failed === 0) return;
  const text = String.fromCharCode(...pool.start.text).replace(/\0+$/, "");
  pool.trouble = `thread ${failed} of ${count} failed in ${kernel.name}: ${text}`;
  checkPool(pool);
}

/** Has the threads look what is to be done. */
function callThreads(control: Int32Array, open: 1 | -1): void {
  Atomics.store(control, place.open, open);
  Atomics.add(control, place.job, 1);
  Atomics.notify(control, place.job);
}

/** As in the other threads' program: first of its own range, then of the others', half of what is left at a time. */
function claim(
  { control, count, index }: Start,
  least: number,
  run: (first: number, end: number) => void,
): void {
  for (let i = 0; i < count; i++) {
    const range = place.ranges + LINE * ((index + i) % count);
    const end = control[range + 1]!;
    for (let first; (first = Atomics.load(control, range)) < end;) {
      const next = Math.min(end, first + Math.max(least, (end - first + 1) >> 1));
      if (Atomics.compareExchange(control, range, first, next) === first) run(first, next);
    }
  }
}

/**
 * Bounds of how long a thread that waits spins before it sleeps: waking one takes 50 microseconds, on some machines much
 * more. But where other programs keep the cores busy, one that spins uses up its time, and is not there when it counts.
 */
const AWAKE = { least: 50, most: 1000 };
/** Others that are later than this, in milliseconds, were kept from their core: then threads spin half as long. */
const LATE = 1;
/** How long the calling thread sleeps before it looks after the others, in milliseconds. */
const ASLEEP = 10;
/** Threads that are silent for so long are taken for dead. */
const PATIENCE = 30_000;

function waitForOthers(pool: Pool, kernel: string): void {
  const { control } = pool.start;
  const awake = control[place.awake]!;
  const began = performance.now();
  for (let turn = 1; Atomics.load(control, place.busy) !== 0; turn++) {
    if (turn % 512 === 0 && performance.now() > began + awake / 1000) watchOthers(pool, kernel);
  }
  const late = performance.now() - began > LATE;
  control[place.awake] = late ? Math.max(AWAKE.least, awake >> 1) : Math.min(AWAKE.most, awake + 1);
}

/** Waits without work for the processor, and for threads that have died no longer than that takes to be seen. */
function watchOthers(pool: Pool, kernel: string): void {
  const { control, count } = pool.start;
  let silence = 0;
  for (let busy; (busy = Atomics.load(control, place.busy)) !== 0;) {
    const before = performance.now();
    pause(control, busy);
    // A machine that was asleep was so for all threads.
    silence += Math.min(performance.now() - before, 5 * ASLEEP);
    const dead = pool.workers.findIndex((worker) => worker.dead());
    if (dead < 0 && silence < PATIENCE) continue;
    const who = dead < 0 ? `${busy} of ${count} threads` : `thread ${dead + 2} of ${count}`;
    pool.trouble = `${who} ended or stood still in ${kernel}`;
    checkPool(pool);
  }
}

/** Whether a thread may sleep here: a page's main thread may not. */
let maySleep = true;

function pause(control: Int32Array, busy: number): void {
  if (maySleep) {
    Atomics.store(control, place.waiting, 1);
    try {
      Atomics.wait(control, place.busy, busy, ASLEEP);
    } catch {
      maySleep = false;
    } finally {
      Atomics.store(control, place.waiting, 0);
    }
  } else {
    const end = performance.now() + ASLEEP;
    while (Atomics.load(control, place.busy) === busy && performance.now() < end);
  }
}
