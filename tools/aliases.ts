import { fileURLToPath } from "node:url";

const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** The library's sources under the names that its users import: for tests, pages and programs of this repository. */
export const aliases = [
  { find: /^cfd-distill$/, replacement: source("index.ts") },
  { find: /^cfd-distill\/(formats|metrics|data|node)$/, replacement: source("$1/index.ts") },
  { find: /^cfd-distill\/backends\/(.*)$/, replacement: source("backends/$1.ts") },
];
