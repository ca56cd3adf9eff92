import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packInto } from "./pack.js";
import { attempt, root, run } from "../run.js";

/** Makes `project`, an empty folder, a project that has the tarball and nothing else; returns where that is. */
export function installConsumer(project: string): string {
  writeJson(project, "package.json", { name: "consumer", private: true, type: "module" });
  const tarball = packInto(project);
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], project);
  return tarball;
}

/** Compiles a program of this folder there, under strict TypeScript, against the packed types. */
export function compileConsumer(project: string, name: string): void {
  copyFileSync(join(root, "tools/package", name), join(project, name));
  writeJson(project, "tsconfig.json", {
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
    files: [name],
  });
  const outcome = attempt(join(root, "node_modules/.bin/tsc"), ["-p", ".", "--pretty", "false"], project);
  // tfjs's own declarations do not pass skipLibCheck: false; ours and the consumer must.
  const ours = outcome.stdout
    .split("\n")
    .filter((line) => /^\S/.test(line) && !line.startsWith("node_modules/@tensorflow/"));
  if (ours.length > 0) throw new Error(`consumer: expected to compile, got\n${ours.join("\n")}`);
}

function writeJson(project: string, name: string, value: unknown): void {
  writeFileSync(join(project, name), JSON.stringify(value, null, 2));
}
