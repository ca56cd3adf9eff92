// Seven ways to get a picture into a page: six bundlers with nothing configured that concerns this library, and none; and
// with one of them a worker. Next's page is the one that docs/react.md shows, the worker that of docs/workers.md.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../run.js";

/** A project that draws a picture in a page. */
export interface Way {
  readonly name: string;
  /** What is installed from npm beside the tarball. */
  readonly packages: readonly string[];
  /** Texts by path. */
  readonly files: Readonly<Record<string, string>>;
  /** A program of node_modules/.bin with its arguments; none where nothing is built. */
  readonly build?: readonly [program: string, ...args: string[]];
  /** The folder that a host serves, where addresses begin with "/". */
  readonly site: string;
}

/** What the README shows. The title says what ran, for whoever watches. */
export const program = (from = "cfd-distill") => `import { loadGenerator, useBackend } from "${from}";

async function main() {
  const report = await useBackend("wasm");
  const generator = await loadGenerator("/student.safetensors");
  await generator.draw(document.querySelector("canvas"), { seed: 7, labels: [0] });
  document.title = report.name + " in " + report.threads + " threads";
}
main().catch((error) => { document.title = String(error); });
`;

/** A text of a project without this library: whether the bundler itself runs here. */
export const withoutLibrary = (text: string) =>
  text.replace(
    /import .* from "cfd-distill";/u,
    "const useBackend = async () => ({}), loadGenerator = useBackend;",
  );

const example = (file: string) => readFileSync(join(root, "examples/snippets", file), "utf8");

const page = (src: string) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<canvas></canvas>
<script type="module" src="${src}"></script>
`;

const rollup = `import commonjs from "@rollup/plugin-commonjs";
import resolve from "@rollup/plugin-node-resolve";
export default {
  input: "main.js",
  output: { dir: "site", format: "es" },
  plugins: [resolve({ browser: true }), commonjs()],
};
`;

const next = {
  "next.config.mjs": `export default { output: "export", distDir: "site" };\n`,
  "app/layout.js": `export default function Layout({ children }) {
  return <html><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
`,
  "app/picture.js": example("picture.jsx"),
  "app/page.js": `"use client";
import { useBackend } from "cfd-distill";
import Picture from "./picture";

async function say() {
  const { name, threads } = await useBackend("wasm");
  document.title = name + " in " + threads + " threads";
}

export default function Page() {
  return <Picture seed={7} label={0} onDrawn={say} />;
}
`,
};

/** The versions that were tried; a later one is for whoever changes the number. */
export const ways: readonly Way[] = [
  {
    name: "none",
    packages: [],
    files: { "site/index.html": page("/main.js"), "site/main.js": program("/cfd-distill.min.js") },
    site: "site",
  },
  {
    name: "Vite",
    packages: ["vite@7.3.8"],
    files: { "index.html": page("/main.js"), "main.js": program() },
    build: ["vite", "build", "--outDir", "site"],
    site: "site",
  },
  {
    name: "worker",
    packages: ["vite@7.3.8"],
    files: {
      "index.html": page("/main.js"),
      "main.js": example("main.js"),
      "worker.js": example("worker.js"),
      "vite.config.js": `export default { worker: { format: "es" } };\n`,
    },
    build: ["vite", "build", "--outDir", "site"],
    site: "site",
  },
  {
    name: "webpack",
    packages: ["webpack@5.113.0", "webpack-cli@7.3.1"],
    files: { "site/index.html": page("/main.js"), "main.js": program() },
    build: ["webpack", "--mode", "production", "--entry", "./main.js", "-o", "site"],
    site: "site",
  },
  {
    name: "Rollup",
    packages: ["rollup@4.67.4", "@rollup/plugin-node-resolve@16.0.3", "@rollup/plugin-commonjs@29.0.3"],
    files: { "site/index.html": page("/main.js"), "main.js": program(), "rollup.config.mjs": rollup },
    build: ["rollup", "-c"],
    site: "site",
  },
  {
    name: "esbuild",
    packages: ["esbuild@0.28.2"],
    files: { "site/index.html": page("/main.js"), "main.js": program() },
    build: ["esbuild", "main.js", "--bundle", "--minify", "--splitting", "--format=esm", "--outdir=site"],
    site: "site",
  },
  {
    name: "Parcel",
    packages: ["parcel@2.16.4", "process@0.11.10", "buffer@6.0.3"],
    files: { "index.html": page("main.js"), "main.js": program() },
    build: ["parcel", "build", "index.html", "--dist-dir", "site", "--no-cache", "--log-level", "error"],
    site: "site",
  },
  {
    name: "Next",
    packages: ["next@16", "react@19", "react-dom@19"],
    files: next,
    build: ["next", "build"],
    site: "site",
  },
];
