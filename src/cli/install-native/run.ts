import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { once } from "node:events";
import { fail } from "../../check.js";
import { WHERE } from "./requirements.js";

/** Where the programs of a build run, and what they see. */
export interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Everything they print goes there. */
  readonly log: string;
  readonly signal: AbortSignal;
}

/** Runs a program to its end. A status other than 0 is an error that says what was to be done and why it was not. */
export async function run(
  task: string,
  program: string,
  args: readonly string[],
  place: Place,
): Promise<void> {
  const { cwd, env, log, signal } = place;
  const file = await open(log, "a");
  try {
    signal.throwIfAborted(); // nothing is awaited from here until somebody listens
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", file.fd, file.fd] });
    const kill = () => child.kill();
    signal.addEventListener("abort", kill);
    const [status] = (await once(child, "close")) as [number | null];
    signal.removeEventListener("abort", kill);
    signal.throwIfAborted();
    if (status !== 0) fail(WHERE, task, explainFailure(await readFile(log, "utf8")));
  } finally {
    await file.close();
  }
}

const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|Failed to establish a new connection|timed out/;
const full = /ENOSPC|No space left on device/;

/** What a log says of a failure, in a line: what is known to be behind it, or its last error. */
export function explainFailure(log: string): string {
  if (full.test(log)) return "a full disk";
  if (unreachable.test(log)) {
    return "a package index that cannot be reached (pip and npm take proxies and mirrors from their settings)";
  }
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  return (lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? "no message").trim();
}
