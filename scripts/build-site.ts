// One folder for any host: the demo as its first page, guides and reference in docs/.
//   npm run site -- [FOLDER]
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { root, run } from "../tools/run.js";

const site = resolve(root, process.argv[2] ?? "site");
rmSync(site, { recursive: true, force: true });
run("npx", ["vite", "build", "examples/browser", "--outDir", site, "--logLevel", "warn"], root);

// The demo alone has no guides beside it.
const page = join(site, "index.html");
const demo = readFileSync(page, "utf8");
const place = '<a href="https://www.npmjs.com/package/cfd-distill">npm package</a>';
if (!demo.includes(place)) throw new Error(`build-site: expected ${place} in the demo's page.`);
writeFileSync(page, demo.replace(place, `<a href="docs/">Guides</a> ${place}`));

run("npm", ["run", "docs", "--", "--out", join(site, "docs")], root);
process.stdout.write(`${site}: put it into any folder of any host\n`);
