// Runs the whole conformance suite on every engine that this machine can have, and writes the table in docs/engines.md.
// Projects of vitest as arguments run only those, beside the last reports of the others; CONFORMANCE=reduced runs less.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES } from "../tools/machine.js";
import { findProjects } from "../test/projects/projects.js";
import { installEngines, node24 } from "../tools/conformance/install.js";
import { allPassed, engineTable, withTable, type Column, type Report } from "../tools/conformance/table.js";

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

const only = process.argv.slice(2);
const wanted = (project: string) => only.length === 0 || only.includes(project);

function measure({ name, project, node }: Run, missing: string | undefined): Column {
  if (missing !== undefined) return { name, missing };
  if (node === undefined) return { name, missing: "no such Node for this platform" };
  const file = join(RESULTS, `${name.replace(/\W+/g, "-")}.json`);
  if (wanted(project)) {
    process.stdout.write(`\n=== ${name}\n`);
    runSuite(node, project, file);
  }
  if (!existsSync(file)) return { name, missing: "not asked for" };
  return { name, report: JSON.parse(readFileSync(file, "utf8")) as Report };
}

function runSuite(node: string, project: string, file: string): void {
  rmSync(file, { force: true });
  const options = ["--reporter=dot", "--reporter=json", `--outputFile.json=${file}`];
  const suite = ["run", "--project", project, "test/conformance", ...options];
  const env = { CONFORMANCE: "full", ...process.env };
  spawnSync(node, ["node_modules/vitest/vitest.mjs", ...suite], { stdio: "inherit", env });
  if (!existsSync(file)) throw new Error(`${project}: vitest left no report.`);
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
