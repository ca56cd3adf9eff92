import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { StepName, Workload } from "./workloads.js";

/** The engines that the bench measures. */
export type Engine = "cpu" | "wasm" | "node";

/** What a contender is asked, one line of JSON each; it answers each with one line. */
export type Request = { readonly make: Workload } | { readonly step: StepName } | { readonly memory: true };

/** A process that holds a workload and runs its steps when asked, so that contenders can take turns. */
export interface Contender {
  readonly name: string;
  make(workload: Workload): Promise<{ readonly parameters: number }>;
  /** Milliseconds of one step, by the contender's own clock. */
  time(step: StepName): Promise<number>;
  /** Resident bytes now and at their highest. */
  memory(): Promise<{ readonly rss: number; readonly peak: number }>;
  close(): void;
}

/** Starts a contender and waits for its greeting. */
export async function startContender(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Contender> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-2000);
  });
  const gone = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      reject(new Error(`${command} ended with ${code ?? "a signal"}: ${complaints.trim()}`));
    });
  });
  gone.catch(() => undefined); // it is raced below
  child.stdin.on("error", () => undefined); // a dead child is told by `gone`
  const lines = createInterface({ input: child.stdout });
  const hear = async <T>(): Promise<T> => {
    const [line] = (await Promise.race([once(lines, "line"), gone])) as [string];
    const message = JSON.parse(line) as T & { error?: string };
    if (message.error !== undefined) throw new Error(message.error);
    return message;
  };
  const ask = <T>(request: Request): Promise<T> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return hear<T>();
  };
  const { name } = await hear<{ name: string }>();
  return {
    name,
    make: (workload) => ask({ make: workload }),
    time: async (step) => (await ask<{ ms: number }>({ step })).ms,
    memory: () => ask({ memory: true }),
    close: () => {
      child.kill();
    },
  };
}

/** This library under the Node at `node`. An engine's threads are fixed when it starts; only wasm's can be told. */
export function startHere(engine: Engine, node: string, threads: number): Promise<Contender> {
  const script = fileURLToPath(new URL("server.ts", import.meta.url));
  return startContender(node, ["--import", "tsx", script, engine, String(threads)]);
}
