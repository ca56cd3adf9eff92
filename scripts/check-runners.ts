// Do tests of an app run as docs/testing.md says? Installs the packed tarball beside vitest and jest, each in an empty
// project, and runs the tests of examples/testing.
//   npm run runners:test
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packInto } from "../tools/package/pack.js";
import { attempt, root, run } from "../tools/run.js";

const example = (file: string) => readFileSync(join(root, "examples/testing", file), "utf8");
const forJest = (text: string) =>
  text
    .replace("// @vitest-environment node", "/** @jest-environment node */")
    .replace(/import .* from "vitest";\n/u, "");

const runners = [
  {
    name: "vitest",
    packages: ["vitest@4.1.12", "jsdom@29.1.1"],
    files: { "draw.test.js": example("draw.vitest.js"), "show.test.js": example("show.vitest.js") },
    command: ["node_modules/vitest/vitest.mjs", "run"],
  },
  {
    name: "jest",
    packages: ["jest@30.5.2", "jest-environment-jsdom@30.5.2"],
    files: { "draw.test.js": forJest(example("draw.vitest.js")), "show.test.js": example("show.jest.js") },
    command: ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"],
  },
];

const work = mkdtempSync(join(tmpdir(), "cfd-distill-runners-"));
try {
  const tarball = packInto(work);
  for (const { name, packages, files, command } of runners) {
    const project = join(work, name);
    mkdirSync(project);
    const write = (path: string, text: string) => {
      writeFileSync(join(project, path), text);
    };
    write("package.json", JSON.stringify({ name: "app", private: true, type: "module" }));
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
    run("npm", [...install, tarball], project);
    if (attempt("npm", [...install, ...packages], project).status !== 0) {
      process.stdout.write(`!!! ${name}: SKIPPED, because npm could not bring ${packages.join(", ")}\n`);
      continue;
    }
    write("show.js", example("show.js"));
    for (const [path, text] of Object.entries(files)) write(path, text);
    run(process.execPath, command, project); // neither ends well where it finds no test
    process.stdout.write(`${name}: both tests pass\n`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
