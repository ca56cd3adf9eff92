// What a thread runs besides the one that calls. It is a text, so that no bundler has to know of it.

/** Numbers in the block of memory by which threads agree, each on a cache line of its own. */
export const place = {
  /** Counts jobs; threads sleep until it changes. */
  job: 0,
  /** 1 while a job's units may be claimed, -1 when the threads are to end: a browser takes 2 seconds to end one that sleeps. */
  open: 16,
  /** How many other threads are at work on a job. */
  busy: 32,
  /** 1 while the calling thread sleeps until nobody is busy. */
  waiting: 48,
  /** For how many microseconds a thread that waits spins before it sleeps. */
  awake: 52,
  /** The thread whose kernel threw, from 1 on. */
  failed: 64,
  /** Which kernel, and how many units are claimed at a time at least. */
  kernel: 80,
  least: 81,
  /** From here on a line a thread: the next unit of its range, and where the range ends. */
  ranges: 96,
} as const;
/** From one thread's range to the next. */
export const LINE = 16;

/** Numbers that a kernel may be given after its units and its scratch. */
export const VALUES = 24;
/** Characters of a thread's error that the others can read. */
export const CHARACTERS = 256;

/** What a thread is told when it starts. */
export interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The kernels by number. */
  readonly names: readonly string[];
  /** Which thread it is, of how many; 0 is the one that calls. */
  readonly index: number;
  readonly count: number;
  /** {@link place}. */
  readonly control: Int32Array;
  /** Where the threads' scratch begins and how many bytes each has, then the kernel's own numbers. */
  readonly values: Float64Array;
  /** The text of an error. */
  readonly text: Uint16Array;
}

const numbers = Array.from({ length: VALUES }, (_, i) => `values[${i + 2}]`).join(", ");

/**
 * Claims units of its own range first, whose memory its core has seen last, then what the others have left of theirs:
 * half of what is left each time, so that at the end all wait for little. The calling thread
 * does the same in thread-pool.ts. Who is late finds the job closed, and nobody waits for it. (Work stealing: Blumofe &
 * Leiserson 1999.)
 */
export const program = `
const port = typeof require === "function" ? require("node:worker_threads").parentPort : self;
const claim = (kernel, { control, values, index, count }) => {
  const least = control[${place.least}];
  const room = values[0] + index * values[1];
  for (let i = 0; i < count; i++) {
    const range = ${place.ranges} + ${LINE} * ((index + i) % count);
    const end = control[range + 1];
    for (let first; (first = Atomics.load(control, range)) < end;) {
      const next = Math.min(end, first + Math.max(least, (end - first + 1) >> 1));
      if (Atomics.compareExchange(control, range, first, next) === first) kernel(first, next, room, ${numbers});
    }
  }
};
const serve = (start) => {
  const { module, memory, names, control, text, index } = start;
  const all = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const kernels = names.map((name) => all[name]);
  let seen = Atomics.load(control, ${place.job});
  port.postMessage("ready");
  for (;;) {
    const asleep = performance.now() + control[${place.awake}] / 1000;
    for (let turn = 1; Atomics.load(control, ${place.job}) === seen; turn++) {
      if (turn % 512 === 0 && performance.now() > asleep) Atomics.wait(control, ${place.job}, seen);
    }
    seen = Atomics.load(control, ${place.job});
    if (Atomics.load(control, ${place.open}) < 0) return;
    Atomics.add(control, ${place.busy}, 1);
    try {
      if (Atomics.load(control, ${place.open}) === 1) claim(kernels[control[${place.kernel}]], start);
    } catch (error) {
      if (Atomics.compareExchange(control, ${place.failed}, 0, index + 1) === 0) {
        const words = String(error).slice(0, text.length);
        text.fill(0);
        for (let i = 0; i < words.length; i++) text[i] = words.charCodeAt(i);
      }
    }
    Atomics.sub(control, ${place.busy}, 1);
    if (Atomics.load(control, ${place.waiting}) === 1) Atomics.notify(control, ${place.busy});
  }
};
if (port === globalThis.self) self.onmessage = ({ data }) => serve(data);
else port.once("message", serve);
`;
