// Runs the whole conformance suite on every engine that this machine can have, and writes the table in docs/engines.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES } from "../test/projects/machine.js";
import { findProjects } from "../test/projects/projects.js";
import { installEngines, node24 } from "./conformance/install.js";
import { allPassed, engineTable, withTable, type Column, type Report } from "./conformance/table.js";

const PAGE = "docs/engines.md";
const RESULTS = join(ENGINES, "results");

interface Run {
  readonly name: string;
  readonly project: string;
  readonly node: string | undefined;
}

/** Each engine in the place, or the places, where it runs. */
function plan(): readonly Run[] {
  const node = process.execPath;
  return [
    { name: "cpu", project: "cpu", node },
    { name: `wasm, Node ${process.versions.node.split(".")[0]!}`, project: "wasm", node },
    { name: "wasm, Node 24", project: "wasm", node: node24() },
    { name: "node", project: "node", node },
    { name: "webgpu, Node", project: "webgpu", node },
    { name: "wasm, Chromium", project: "chromium-wasm", node },
    { name: "webgl, Chromium", project: "chromium-webgl", node },
    { name: "webgpu, Chromium", project: "chromium-webgpu", node },
  ];
}

function measure({ name, project, node: binary }: Run, missing: string | undefined): Column {
  if (missing !== undefined) return { name, missing };
  if (binary === undefined) return { name, missing: "no such Node for this platform" };
  const file = join(RESULTS, `${name.replace(/\W+/g, "-")}.json`);
  rmSync(file, { force: true });
  const options = ["--reporter=dot", "--reporter=json", `--outputFile.json=${file}`];
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--project",
    project,
    "test/conformance",
    ...options,
  ];
  process.stdout.write(`\n=== ${name}\n`);
  spawnSync(binary, args, { stdio: "inherit", env: { ...process.env, CONFORMANCE: "full" } });
  if (!existsSync(file)) throw new Error(`${name}: vitest left no report.`);
  return { name, report: JSON.parse(readFileSync(file, "utf8")) as Report };
}

installEngines();
mkdirSync(RESULTS, { recursive: true });
const { skipped } = findProjects();
const reasons = new Map(
  skipped.flatMap(({ projects, reason }) => projects.map((name) => [name, reason] as const)),
);
const columns = plan().map((run) => measure(run, reasons.get(run.project)));
writeFileSync(PAGE, withTable(readFileSync(PAGE, "utf8"), engineTable(columns)));
process.stdout.write(`\nWrote the table in ${PAGE}.\n`);
if (!columns.every(allPassed)) process.exitCode = 1;
