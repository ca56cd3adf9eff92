// Writes docs/results.md of the runs in docs/results. Runs that are named are taken in there first,
// under their folder's name without "cifar10-cfd-".
//   npm run results -- runs/cifar10-cfd-screen
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { distanceChart } from "../tools/results/chart.js";
import { pageOf } from "../tools/results/page.js";
import { readExperiment, readMeasuredRun, readRun, RUN_FILES } from "../tools/results/runs.js";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const folder = join(docs, "results");

// All are read before the first is taken.
const taken = process.argv.slice(2).map((run) => {
  const name = basename(run).replace(/^cifar10-cfd-/, "");
  const files = RUN_FILES[name];
  if (!files)
    throw new Error(`${run}: expected a run named ${Object.keys(RUN_FILES).join(", ")}, got ${name}.`);
  const missing = files.find((file) => !existsSync(join(run, file)));
  if (missing !== undefined) throw new Error(`${join(run, missing)} is not there: the run is not finished.`);
  if (files.includes("report.json")) readMeasuredRun(run);
  else readRun(run);
  return { run, target: join(folder, name), files };
});
for (const { run, target, files } of taken) {
  mkdirSync(target, { recursive: true });
  for (const file of files) copyFileSync(join(run, file), join(target, file));
}
const experiment = readExperiment(folder);
writeFileSync(join(docs, "results.md"), pageOf(experiment));
if (experiment.confirm) writeFileSync(join(folder, "distance.svg"), await distanceChart(experiment.confirm));
