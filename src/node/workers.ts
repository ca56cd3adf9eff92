import { Worker } from "node:worker_threads";
import { checkPositiveInteger } from "../check.js";
import { linkTo } from "../parallel/link.js";
import type { NodePort } from "../parallel/ports.js";

/** A worker thread of Node, by what is needed of it. */
export interface ThreadWorker extends NodePort {
  /** Ends the thread, at once. */
  terminate(): Promise<number>;
}

/**
 * Starts worker threads that all run one module, which calls `serveReplica(parentPort, ...)`. What goes wrong in them is
 * reported by `connectReplicas`. They end with the program, or by `terminate()`.
 *
 * A TypeScript module that tsx is to run needs a JavaScript file in front of it (Node 20 gives a worker's first file to no
 * loader): `import { register } from "tsx/esm/api"; register(); await import("./replica.ts");`
 *
 * @param module a URL such as `new URL("./replica.js", import.meta.url)`, or an absolute path
 * @param count how many; a core each is the most that helps
 * @returns the workers, for `connectReplicas`; the caller ends them
 * @throws if `count` is not a positive integer, or `module` neither a URL nor an absolute path
 * @example
 * ```ts
 * import { connectReplicas } from "cfd-distill";
 * import { startWorkers } from "cfd-distill/node";
 * const workers = startWorkers(new URL("no-such-module.js", import.meta.url), 1);
 * const message = await connectReplicas(workers).catch((error: Error) => error.message);
 * console.log(message); // connectReplicas: expected worker 1 of 1 to start, got: Cannot find module ...
 * await Promise.all(workers.map((worker) => worker.terminate()));
 * ```
 */
export function startWorkers(module: URL | string, count: number): ThreadWorker[] {
  checkPositiveInteger(count, "startWorkers", "count");
  return Array.from({ length: count }, () => {
    const worker = new Worker(module);
    linkTo(worker); // listens from the start: an error that nobody listens to would end the program
    return worker;
  });
}
