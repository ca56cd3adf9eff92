import { fork } from "node:child_process";
import type { BackendName, BackendReport, OperationReport } from "../../index.js";

/** What was found about one engine. */
export interface EngineResult {
  readonly name: BackendName;
  /** Absent where it does not start. */
  readonly engine?: BackendReport;
  /** Absent unless it was asked for them. */
  readonly operations?: readonly OperationReport[];
  /** Why it does not start, or did not come to an end. */
  readonly failure?: string;
}

/** How far to go: only start the engine, or try every operation on it. */
export type Depth = "start" | "diagnose";

const LIMIT = 600_000; // milliseconds

/** Asks an engine in a process of its own, which a broken one may take with it. */
export function ask(name: BackendName, depth: Depth): Promise<EngineResult> {
  const child = fork(process.argv[1]!, ["doctor", name, "--child", depth], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    timeout: LIMIT,
  });
  let result: EngineResult = { name };
  let errors = "";
  child.on("message", (message) => (result = message as EngineResult));
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => {
      const end = `the process ended with ${signal ?? `status ${code}`}`;
      const last = errors.trim().split("\n").at(-1)!;
      resolve(code === 0 ? result : { ...result, failure: last === "" ? end : `${end}: ${last}` });
    });
  });
}
