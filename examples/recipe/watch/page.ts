import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "cfd-distill/node";
import type { Setup } from "../storage/setup.js";
import type { Measurements } from "../measure/evaluate.js";
import { parseMeasurements } from "../report/report.js";
import { reportPage } from "./html.js";
import type { State, Watcher } from "../storage/watcher.js";

const style = readFileSync(new URL("./page.css", import.meta.url), "utf8");

/** Keeps report.html in the run's directory up to date with the other files there. */
export function page(setup: Setup): Watcher {
  const path = join(setup.out, "report.html");
  const read = (name: string) => readFile(join(setup.out, name)).catch(() => undefined);
  const show = async (state: State) => {
    const [log, picture, report] = await Promise.all(["log.jsonl", "samples.png", "report.json"].map(read));
    const files = { log: log?.toString() ?? "", picture, measured: report && measuredIn(report) };
    const made = reportPage({ setup, ...files, state, now: new Date(), style });
    await writeFileAtomic(path, Buffer.from(made));
  };
  return { where: `Page ${path}`, show };
}

/** What a report says; one that is damaged is none, and the stage that measures writes it anew. */
function measuredIn(report: Buffer): Measurements | undefined {
  try {
    return parseMeasurements(report, "report.json");
  } catch {
    return undefined;
  }
}
