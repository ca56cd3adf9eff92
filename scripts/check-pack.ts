// Does the package work where it will be used? Installs the tarball and its peers into an empty project, compiles
// tools/package/pack-consumer.ts against the packed types and runs it: one step of distillation on wasm, from npm alone. Then
// the command draws with the checkpoint that it left.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileConsumer, installConsumer } from "../tools/package/consumer.js";
import { printed, run } from "../tools/run.js";

const project = mkdtempSync(join(tmpdir(), "cfd-distill-consumer-"));
try {
  installConsumer(project);
  wantOneEngine();
  compileConsumer(project, "pack-consumer.ts");
  execute();
  expectLine(
    ["sample", "student.safetensors", "--seeds", "1..4", "-o", "grid.png"],
    /^grid\.png: 4 images of 32x32/,
  );
  expectLine(["sample", "-o", "emoji.png"], /^emoji\.png: 16 images of 24x24 in 1 step on wasm/);
  expectLine(["inspect", "student.safetensors"], /^student\.safetensors: a checkpoint of cfd-distill/);
} finally {
  rmSync(project, { recursive: true, force: true });
}

/** A second copy of tfjs in a process would register all its kernels over those of the first. */
function wantOneEngine(): void {
  const copies = readdirSync(join(project, "node_modules"), { recursive: true, encoding: "utf8" }).filter(
    (path) => /@tensorflow[\\/]tfjs-core$/.test(path),
  );
  if (copies.length !== 1) {
    throw new Error(`consumer: expected one copy of tfjs-core, got ${copies.join(", ") || "none"}.`);
  }
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
