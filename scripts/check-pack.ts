// Does the package work where it will be used? Installs the tarball and its peers into an empty project, compiles
// tools/package/pack-consumer.ts against the packed types and runs it: one step of distillation on wasm, from npm alone. Then
// the command draws with the checkpoint that it left. And there is one engine in a process, also with TensorFlow.js
// installed beside it.
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileConsumer, installConsumer } from "../tools/package/consumer.js";
import { attempt, printed, root, run } from "../tools/run.js";

const INSTALL = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
const project = mkdtempSync(join(tmpdir(), "cfd-distill-consumer-"));
try {
  installConsumer(project);
  wantOneEngine("alone", []);
  compileConsumer(project, "pack-consumer.ts");
  execute();
  expectLine(
    ["sample", "student.safetensors", "--seeds", "1..4", "-o", "grid.png"],
    /^grid\.png: 4 images of 32x32/,
  );
  expectLine(["sample", "-o", "emoji.png"], /^emoji\.png: 16 images of 28x28 in 1 step on wasm/);
  expectLine(["inspect", "student.safetensors"], /^student\.safetensors: a checkpoint of cfd-distill/);
  run("npm", [...INSTALL, "@tensorflow/tfjs"], project);
  wantOneEngine("beside @tensorflow/tfjs", ["@tensorflow/tfjs"]);
  tryNative();
} finally {
  rmSync(project, { recursive: true, force: true });
}

/** A second copy of tfjs in a process would register all its kernels over those of the first. */
function wantOneEngine(where: string, first: readonly string[]): void {
  wantOneCopy(where);
  copyFileSync(join(root, "tools/package/one-engine.mjs"), join(project, "one-engine.mjs"));
  run(process.execPath, ["one-engine.mjs"], project);
  run(process.execPath, ["one-engine.mjs", ...first], project);
  process.stdout.write(`one engine, ${where}\n`);
}

function wantOneCopy(where: string): void {
  const copies = readdirSync(join(project, "node_modules"), { recursive: true, encoding: "utf8" }).filter(
    (path) => /@tensorflow[\\/]tfjs-core$/.test(path),
  );
  if (copies.length !== 1)
    throw new Error(`${where}: expected one copy of tfjs-core, got ${copies.join(", ") || "none"}.`);
}

/** tfjs-node as npm brings it, whose binding is a download of its own that need not be to be had. */
function tryNative(): void {
  const name = "@tensorflow/tfjs-node";
  const outcome = attempt("npm", [...INSTALL, "--ignore-scripts", `${name}@4.22.0`], project);
  if (outcome.status !== 0) {
    process.stdout.write(`\n!!! beside ${name}: SKIPPED, because npm could not bring it !!!\n`);
    return;
  }
  wantOneCopy(`beside ${name}`);
  attempt("npm", ["rebuild", name], project); // runs its script, which fetches the binding
  const loads = attempt(process.execPath, ["-e", `require("${name}")`], project).status === 0;
  if (loads) wantOneEngine(`beside ${name}`, [name]);
  else
    process.stdout.write(
      `\n!!! beside ${name}: one copy, but NOT run, because its binding is not there !!!\n`,
    );
}

function execute(): void {
  const outcome = run(process.execPath, ["pack-consumer.js"], project);
  const unexpected = outcome.stderr.split("\n").filter((line) => line.trim() !== "" && !isBanner(line));
  if (unexpected.length > 0) {
    throw new Error(`consumer: expected nothing on stderr, got\n${unexpected.join("\n")}`);
  }
  if (!/^loss \d/m.test(outcome.stdout)) {
    throw new Error(`consumer: expected a line "loss ...", got\n${printed(outcome)}`);
  }
  process.stdout.write(outcome.stdout);
}

/** What the package's own command prints on stdout, and nothing on stderr. */
function expectLine(args: readonly string[], expected: RegExp): void {
  const outcome = run(join(project, "node_modules/.bin/cfd-distill"), args, project);
  if (outcome.stderr !== "" || !expected.test(outcome.stdout)) {
    throw new Error(`cfd-distill ${args[0]!}: expected ${expected.source}, got\n${printed(outcome)}`);
  }
  process.stdout.write(`cfd-distill ${outcome.stdout.split("\n")[0]!}\n`);
}

/** What tfjs prints in every Node process: an advertisement for its native engine, framed by lines of "=". */
function isBanner(line: string): boolean {
  return /^=+$/.test(line) || line.startsWith("Hi, looks like you are running TensorFlow.js in Node.js.");
}
