// Writes docs/results.md of the runs in docs/results. Runs that are named are taken in there first,
// under their folder's name without "cifar10-cfd-".
//   npm run results -- runs/cifar10-cfd-screen
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { distanceChart } from "./results/chart.js";
import { pageOf } from "./results/page.js";
import { readExperiment } from "./results/runs.js";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const folder = join(docs, "results");

/** Runs whose picture the page shows. */
const SHOWN = ["screen", "confirm"];

for (const run of process.argv.slice(2)) {
  const name = basename(run).replace(/^cifar10-cfd-/, "");
  const target = join(folder, name);
  mkdirSync(target, { recursive: true });
  const files = ["config.json", "log.jsonl", "report.json", ...(SHOWN.includes(name) ? ["samples.png"] : [])];
  for (const file of files) {
    if (existsSync(join(run, file))) copyFileSync(join(run, file), join(target, file));
  }
}
const experiment = readExperiment(folder);
writeFileSync(join(docs, "results.md"), pageOf(experiment));
if (experiment.confirm) writeFileSync(join(folder, "distance.svg"), await distanceChart(experiment.confirm));
