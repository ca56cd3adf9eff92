// Is what npm would publish well formed? publint reads package.json against the files of the tarball, "are the
// types wrong" resolves every entry as TypeScript and Node would.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packInto } from "../tools/package/pack.js";
import { root, run } from "../tools/run.js";

const folder = mkdtempSync(join(tmpdir(), "cfd-distill-package-"));
try {
  const tarball = packInto(folder);
  process.stdout.write(run("npx", ["publint", "run", tarball, "--strict"], root).stdout);
  // The package is ESM for Node 20 and later and for bundlers: the profile leaves out resolution from CommonJS
  // (a require() of it is not supported) and TypeScript's old "node10" resolution, which knows no "exports".
  process.stdout.write(run("npx", ["attw", tarball, "--profile", "esm-only"], root).stdout);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
