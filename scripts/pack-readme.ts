// Before packing, the README's links become absolute, where package.json says to what; after it they are as they were.
//   npm run prepack, npm run postpack: npm pack and npm publish call them
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { absoluteLinks } from "../tools/package/absolute-links.js";
import { root } from "../tools/run.js";

const readme = join(root, "README.md");
const kept = join(root, "node_modules/README.before-pack.md");
const { repository } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  repository?: { url: string };
};

if (process.argv[2] === "after") {
  if (existsSync(kept)) renameSync(kept, readme);
} else if (repository !== undefined) {
  const text = readFileSync(readme, "utf8");
  writeFileSync(kept, text);
  writeFileSync(readme, absoluteLinks(text, repository.url));
}
