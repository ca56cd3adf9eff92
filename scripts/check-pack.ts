// Does the package work where it will be used? Installs the tarball and its peers into an empty project, compiles
// scripts/pack-consumer.ts against the packed types and runs it: one step of distillation on wasm, from npm alone.
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, packInto, printed, root, run } from "./pack.js";

const project = mkdtempSync(join(tmpdir(), "cfd-distill-consumer-"));
try {
  install();
  wantOneEngine();
  compile();
  execute();
} finally {
  rmSync(project, { recursive: true, force: true });
}

function install(): void {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    peerDependencies: Record<string, string>;
  };
  const peers = Object.entries(own.peerDependencies).map(([name, range]) => `${name}@${range}`);
  writeJson("package.json", { name: "consumer", private: true, type: "module" });
  const tarball = packInto(project);
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball, ...peers], project);
}

/** Two copies of tfjs in one process would not see each other's tensors. */
function wantOneEngine(): void {
  const copies = readdirSync(join(project, "node_modules"), { recursive: true, encoding: "utf8" }).filter(
    (path) => /@tensorflow[\\/]tfjs-core$/.test(path),
  );
  if (copies.length !== 1) {
    throw new Error(`consumer: expected one copy of tfjs-core, got ${copies.join(", ") || "none"}.`);
  }
}

function compile(): void {
  copyFileSync(join(root, "scripts/pack-consumer.ts"), join(project, "consumer.ts"));
  writeJson("tsconfig.json", {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      target: "ES2022",
      lib: ["ES2022", "DOM"],
      module: "NodeNext",
      types: [],
    },
    files: ["consumer.ts"],
  });
  const outcome = attempt(join(root, "node_modules/.bin/tsc"), ["-p", ".", "--pretty", "false"], project);
  // tfjs's own declarations do not pass skipLibCheck: false; ours and the consumer must.
  const ours = outcome.stdout
    .split("\n")
    .filter((line) => /^\S/.test(line) && !line.startsWith("node_modules/@tensorflow/"));
  if (ours.length > 0) throw new Error(`consumer: expected to compile, got\n${ours.join("\n")}`);
}

function execute(): void {
  const outcome = run(process.execPath, ["consumer.js"], project);
  const unexpected = outcome.stderr.split("\n").filter((line) => line.trim() !== "" && !isBanner(line));
  if (unexpected.length > 0) {
    throw new Error(`consumer: expected nothing on stderr, got\n${unexpected.join("\n")}`);
  }
  if (!/^loss \d/m.test(outcome.stdout)) {
    throw new Error(`consumer: expected a line "loss ...", got\n${printed(outcome)}`);
  }
  process.stdout.write(outcome.stdout);
}

/** What tfjs prints in every Node process: an advertisement for its native engine, framed by lines of "=". */
function isBanner(line: string): boolean {
  return /^=+$/.test(line) || line.startsWith("Hi, looks like you are running TensorFlow.js in Node.js.");
}

function writeJson(name: string, value: unknown): void {
  writeFileSync(join(project, name), JSON.stringify(value, null, 2));
}
