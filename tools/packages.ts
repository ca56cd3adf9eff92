import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { succeeds } from "./run.js";

/** What only the bench needs is installed here when it is first needed. */
export const CACHE = fileURLToPath(new URL("../node_modules/.cache/cfd-distill-bench", import.meta.url));

/** A package that only the bench needs; undefined where npm cannot install it. */
export async function importPackage<T>(name: string, version: string): Promise<T | undefined> {
  const folder = `${CACHE}/${name.replace("/", "+")}@${version}`;
  const entry = `${folder}/entry.mjs`;
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/package.json`, "{}");
    const quiet = ["--no-audit", "--no-fund", "--prefix", folder];
    if (!succeeds("npm", ["install", ...quiet, `${name}@${version}`])) return undefined;
    writeFileSync(entry, `export * from "${name}";\n`);
  }
  return (await import(pathToFileURL(entry).href)) as T;
}
