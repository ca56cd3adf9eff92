import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeTemporaries, writeFileAtomic } from "cfd-distill/node";
import { checkConfig, parseConfig, type RecipeConfig } from "./config.js";

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
  const entries = existsSync(out) ? readdirSync(out) : [];
  const holdsRun = entries.includes("config.json");
  if (options.resume) {
    if (!holdsRun) throw new Error(`${out} holds no run to resume; leave --resume out to start one there.`);
    compare(checkConfig(parseConfig(readFileSync(path), path), path), config, out);
    mkdirSync(join(out, "checkpoints"), { recursive: true });
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

/** Removes what a kill in the middle of a write left, also of a run that came no further than to write its config. */
async function clearKilled(out: string): Promise<void> {
  const entries = existsSync(out) ? readdirSync(out) : [];
  const isOurs = entries.includes("config.json") || entries.every((name) => name.startsWith(".config.json."));
  if (!isOurs) return;
  for (const folder of [".", "checkpoints", "samples"]) await removeTemporaries(join(out, folder));
}

/** A run goes on only as what it began as. */
function compare(stored: RecipeConfig, wanted: RecipeConfig, out: string): void {
  const flat = (value: unknown, path: string): [string, unknown][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path === "" ? key : `${path}.${key}`))
      : [[path, value]];
  const before = new Map(flat(stored, ""));
  const now = new Map(flat(wanted, ""));
  const keys = [...new Set([...before.keys(), ...now.keys()])];
  const changed = keys.filter((key) => before.get(key) !== now.get(key));
  if (changed.length === 0) return;
  const list = changed.map(
    (key) => `${key} was ${String(before.get(key))} and is now ${String(now.get(key))}`,
  );
  throw new Error(`${out} holds a run with other settings: ${list.slice(0, 5).join("; ")}.`);
}
