// Writes docs/results.md of the runs in docs/results. Runs that are named are taken in there first.
//   npm run results -- runs/cifar10-cfd-screen
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { distanceChart } from "./results/chart.js";
import { pageOf } from "./results/page.js";
import { readExperiment } from "./results/runs.js";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const folder = join(docs, "results");

for (const run of process.argv.slice(2)) {
  const { preset } = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as {
    readonly preset: string;
  };
  const target = join(folder, preset);
  mkdirSync(target, { recursive: true });
  for (const file of ["config.json", "log.jsonl", "report.json", "samples.png"]) {
    if (existsSync(join(run, file))) copyFileSync(join(run, file), join(target, file));
  }
}
const experiment = readExperiment(folder);
writeFileSync(join(docs, "results.md"), pageOf(experiment));
if (experiment.confirm) writeFileSync(join(folder, "distance.svg"), await distanceChart(experiment.confirm));
