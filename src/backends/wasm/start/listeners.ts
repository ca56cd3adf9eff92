import { nodeProcess } from "../../../in-node.js";

// In Node the stock engine takes every error that nobody catches: it adds two listeners to the process when it starts, so
// that such an error is printed as if the engine had thrown it, with its source, and ends in exit code 7. And when it is
// disposed of, it removes whatever listeners there were when it started, the program's own among them.

const events = ["uncaughtException", "unhandledRejection"] as const;
type Event = (typeof events)[number];
type Listener = (...given: unknown[]) => void;

/** What the listeners look like, minified or not: one passes all but its own kind of error on, one passes all on. */
const patterns: Readonly<Record<Event, RegExp>> = {
  uncaughtException: /^[^;]*instanceof[^;]*throw\s+[\w$]+;?[\s}]*$/,
  unhandledRejection: /^[^;{]*\{\s*throw\s+[\w$]+;?\s*\}$/,
};

/** Runs a start of the engine; the pair of listeners that it adds, one right after the other, is removed at once. */
export async function withoutListeners<T>(start: () => Promise<T>): Promise<T> {
  const process = nodeProcess();
  if (!process) return start();
  let first: Listener | undefined;
  const watch = (event: string | symbol, listener: Listener) => {
    const matches = (which: Event) => event === which && patterns[which].test(String(listener));
    const [exception, rejection] = [first, listener];
    first = matches("uncaughtException") ? listener : undefined;
    if (exception === undefined || !matches("unhandledRejection")) return;
    queueMicrotask(() => {
      process.removeListener("uncaughtException", exception);
      process.removeListener("unhandledRejection", rejection);
    });
  };
  process.on("newListener", watch);
  try {
    return await start();
  } finally {
    process.removeListener("newListener", watch);
  }
}

/** Runs what may remove listeners from the process, and puts them back. */
export function keepingListeners(run: () => void): void {
  const process = nodeProcess();
  if (!process) {
    run();
    return;
  }
  const before = events.map((event) => process.rawListeners(event) as Listener[]);
  run();
  events.forEach((event, i) => {
    const left = new Set(process.rawListeners(event));
    for (const listener of before[i]!) if (!left.has(listener)) process.on(event as "exit", listener);
  });
}
