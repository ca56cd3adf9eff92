// One folder for any host: the demo as its first page, guides and reference in docs/.
//   npm run site -- [FOLDER]
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { root, run } from "../tools/run.js";

const site = resolve(root, process.argv[2] ?? "site");
rmSync(site, { recursive: true, force: true });
run("npx", ["vite", "build", "examples/browser", "--outDir", site, "--logLevel", "warn"], root);
run("npm", ["run", "docs", "--", "--out", join(site, "docs")], root);
process.stdout.write(`${site}: put it into any folder of any host\n`);
