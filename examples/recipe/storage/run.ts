import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { Rng } from "cfd-distill";
import type { Setup } from "./setup.js";
import type { Watcher } from "./watcher.js";

/** What every stage of a run shares. */
export interface Run extends Setup {
  /** Each stage forks its own stream from this one. */
  readonly rng: Rng;
  /** Stops the run at the next step, after a checkpoint. */
  readonly signal: AbortSignal;
  /** Who shows how it goes. */
  readonly watchers: readonly Watcher[];
}

/** One line of the run's log, with the time at which it is written. */
export function log(run: Run, entry: Readonly<Record<string, unknown>>): void {
  const at = new Date().toISOString();
  appendFileSync(join(run.out, "log.jsonl"), `${JSON.stringify({ ...entry, at })}\n`);
  for (const watcher of run.watchers) watcher.logged?.(entry);
}
