// Does the engine `node` come as the README says? Installs the tarball into an empty project, runs the command that
// builds the engine (once a user: afterwards it only tries it out), and runs tools/package/native-consumer.ts on it, under
// this Node and under those that are named:
//   npm run native:test -- path/to/another/node
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileConsumer, installConsumer } from "../tools/package/consumer.js";
import { run } from "../tools/run.js";

const project = mkdtempSync(join(tmpdir(), "cfd-distill-native-"));
try {
  installConsumer(project);
  compileConsumer(project, "native-consumer.ts");
  process.stdout.write(run("npx", ["cfd-distill", "install-native"], project).stdout);
  for (const node of [process.execPath, ...process.argv.slice(2)]) {
    process.stdout.write(run(node, ["native-consumer.js"], project).stdout);
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
