// A thread of the engine answers nobody but the engine. A lock that it holds is given back when it ends, however it does.

const LOCK = "thread of cfd-distill";

/** Has each thread that is started here from now on hold a lock. */
export function countThreads(): void {
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(address: string | URL, options: WorkerOptions = {}) {
      super(options.name === "cfd-distill" ? holding(String(address)) : address, options);
    }
  };
}

function holding(address: string): string {
  const hold = `navigator.locks.request("${LOCK}", { mode: "shared" }, () => new Promise(() => {}));`;
  const program = `${hold}\nimportScripts("${address}");`;
  return URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
}

/** How many of them run, in the page and in its workers. */
export async function runningThreads(): Promise<number> {
  const { held = [] } = await navigator.locks.query();
  return held.filter(({ name }) => name === LOCK).length;
}
