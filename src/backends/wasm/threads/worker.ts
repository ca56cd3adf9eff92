import { inNode } from "../../../in-node.js";
import { builtin } from "../start/builtin.js";
import { program, type Start } from "./worker-program.js";

/** A thread besides the one that calls. */
export interface Worker {
  /** Whether it has ended, as far as can be told without giving it the word. */
  readonly dead: () => boolean;
  /** Resolves when it has ended. */
  readonly end: () => Promise<void>;
}

/** How long a worker may take to start, in milliseconds. */
const PATIENCE = 10_000;

/** Starts a worker, and waits until it is ready for jobs. `died` is called when it ends, except by `end`. */
export async function startWorker(start: Start, died: (reason: string) => void): Promise<Worker> {
  const launch = inNode() ? launcherOfNode(await builtin("worker_threads")) : launchInPage;
  return new Promise((resolve, reject) => {
    const failed = (reason: string) => {
      clearTimeout(timer);
      void worker.end();
      died(reason);
      reject(new Error(reason));
    };
    const ready = () => {
      clearTimeout(timer);
      resolve(worker);
    };
    const worker = launch(start, { ready, died: failed });
    const timer = setTimeout(() => {
      failed(`it did not start within ${PATIENCE} ms`);
    }, PATIENCE);
  });
}

interface Listeners {
  readonly ready: () => void;
  readonly died: (reason: string) => void;
}

type Launch = (start: Start, listeners: Listeners) => Worker;

const launcherOfNode =
  (threads: typeof import("node:worker_threads")): Launch =>
  (start, { ready, died }) => {
    let ended = false;
    // Node says -1 of a thread that was stopped, also while its events wait for the calling thread, if it has asked before.
    const idle = () => worker.performance.eventLoopUtilization().idle;
    // Without execArgv it would load what the program was started with, a compiler of TypeScript for one.
    const worker = new threads.Worker(program, { eval: true, execArgv: [], name: "cfd-distill" });
    worker.on("error", (error) => {
      died(String(error));
    });
    worker.on("exit", (code) => {
      if (!ended) died(`it ended with code ${code}`);
    });
    worker.once("message", () => {
      idle();
      worker.unref(); // the program ends when all else is done
      ready();
    });
    worker.postMessage(start);
    return {
      dead: () => idle() < 0,
      end: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  };

const launchInPage: Launch = (start, { ready, died }) => {
  const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  const worker = new globalThis.Worker(address, { name: "cfd-distill" });
  worker.onerror = (event) => {
    died(event.message || "the page's content security policy may forbid it (worker-src blob:)");
  };
  worker.onmessage = () => {
    URL.revokeObjectURL(address);
    ready();
  };
  worker.postMessage(start);
  return {
    dead: () => false,
    end: () => {
      worker.terminate();
      return Promise.resolve();
    },
  };
};
