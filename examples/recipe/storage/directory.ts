import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readWhole, removeTemporaries, writeFileAtomic } from "cfd-distill/node";
import { flatten, type RecipeConfig } from "../config/schema.js";
import { checkConfig, parseConfig } from "../config/check.js";
import { LOCK } from "./lock.js";

const OURS = [
  ...["config.json", "log.jsonl", "checkpoints", "samples"],
  ...["samples.png", "losses.png", "report.json", "student.safetensors"],
  ...["report.html", "tensorboard"],
];

/**
 * Makes the run's directory ready, or says why not: nothing is ever replaced silently.
 *
 * A new or empty directory is taken. One that holds a run goes on with `resume` (only if its config is the same),
 * starts anew with `force` (which removes what a run wrote, nothing else), and is refused otherwise.
 */
export async function openDirectory(
  out: string,
  config: RecipeConfig,
  options: { readonly resume: boolean; readonly force: boolean },
): Promise<void> {
  const path = join(out, "config.json");
  await clearKilled(out);
  const entries = entriesOf(out);
  const holdsRun = entries.includes("config.json");
  if (options.resume) {
    if (!holdsRun) throw new Error(`${out} holds no run to resume; leave --resume out to start one there.`);
    compare(checkConfig(parseConfig(await readWhole(path, "config"), path), path), config, out);
    mkdirSync(join(out, "checkpoints"), { recursive: true });
    await endLine(join(out, "log.jsonl"));
    return;
  }
  if (entries.length > 0 && !holdsRun) {
    throw new Error(`${out} is not empty and holds no run of this program; choose another with --out.`);
  }
  if (holdsRun && !options.force) {
    throw new Error(
      `${out} already holds a run. Add --resume to go on with it, --force to start it anew, ` +
        "or choose another directory with --out.",
    );
  }
  for (const name of OURS) rmSync(join(out, name), { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  // The config comes first: whatever else is in the directory belongs to a run that can be resumed.
  await writeFileAtomic(path, Buffer.from(`${JSON.stringify(config, null, 2)}\n`));
  mkdirSync(join(out, "checkpoints"));
}

/** What is in a directory, but for locks. */
const entriesOf = (out: string) =>
  readdirIfThere(out).filter((name) => name !== LOCK && !name.startsWith(`${LOCK}.`));
const readdirIfThere = (out: string) => (existsSync(out) ? readdirSync(out) : []);

/** Removes what a kill in the middle of a write left, also of a run that came no further than to write its config. */
async function clearKilled(out: string): Promise<void> {
  const entries = entriesOf(out);
  const isOurs = entries.includes("config.json") || entries.every((name) => name.startsWith(".config.json."));
  if (!isOurs) return;
  for (const name of readdirIfThere(out)) {
    if (name.startsWith(`${LOCK}.`)) rmSync(join(out, name), { force: true });
  }
  for (const folder of [".", "checkpoints", "samples"]) await removeTemporaries(join(out, folder));
}

/** Half a line, which a kill may leave, does not swallow the next one. */
async function endLine(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const log = await readWhole(path, "log");
  if (log.length > 0 && log.at(-1) !== 0x0a) appendFileSync(path, "\n");
}

/** A run goes on only as what it began as. */
function compare(stored: RecipeConfig, wanted: RecipeConfig, out: string): void {
  const [before, now] = [new Map(flatten(stored)), new Map(flatten(wanted))];
  const keys = [...new Set([...before.keys(), ...now.keys()])];
  const changed = keys.filter((key) => before.get(key) !== now.get(key));
  if (changed.length === 0) return;
  const list = changed.map(
    (key) => `${key} was ${String(before.get(key))} and is now ${String(now.get(key))}`,
  );
  throw new Error(`${out} holds a run with other settings: ${list.slice(0, 5).join("; ")}.`);
}
