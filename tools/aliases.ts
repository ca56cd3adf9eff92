import { fileURLToPath } from "node:url";

const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** The library's sources under the names that its users import: for tests, pages and programs of this repository. */
export const aliases = [
  { find: /^cfd-distill$/, replacement: source("index.ts") },
  { find: /^cfd-distill\/(adapters|formats|metrics|data|node)$/, replacement: source("$1/index.ts") },
  { find: /^cfd-distill\/backends\/(.*)$/, replacement: source("backends/$1.ts") },
];

const nothing = fileURLToPath(new URL("pages/nothing.ts", import.meta.url));

/** For Vite: in a page also what package.json's field `browser` puts in the place of a file. */
export const pageAliases = [
  ...aliases,
  { find: /^(\.\.?\/)+tfjs\.js$/, replacement: source("tfjs-page.ts") },
  {
    find: /^\.\/(node|cuda)\.js$/,
    replacement: "./$1.js",
    customResolver: (_: string, importer?: string) =>
      importer?.endsWith("/src/backends/index.ts") ? nothing : undefined,
  },
];
