import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));
const binaries = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"];

const kinds = {
  /** A script, beside which the engine's binaries are. */
  script: { format: "iife", tag: `<script src="assets/program.js"></script>`, binaries: "assets" },
  /** A module, with the binaries beside the page. */
  module: { format: "esm", tag: `<script type="module" src="assets/program.js"></script>`, binaries: "." },
} as const;

/** A new folder for a server of files, with one page for each kind of script: script/index.html and module/index.html. */
export async function programPage(program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "cfd-distill-page-"));
  const pages = Object.entries(kinds).map(async ([name, { format, tag, binaries: place }]) => {
    await bundle(program, format, join(folder, name, "assets/program.js"));
    writeFileSync(join(folder, name, "index.html"), `<!doctype html><link rel="icon" href="data:,">${tag}\n`);
    for (const file of binaries) {
      const from = join(root, "node_modules/@tensorflow/tfjs-backend-wasm/dist", file);
      copyFileSync(from, join(folder, name, place, file));
    }
  });
  await Promise.all(pages);
  return folder;
}

/** What package.json's field `browser` does to the built package. */
const forPages: Plugin = {
  name: "for-pages",
  setup(bundle) {
    bundle.onResolve({ filter: /^[.]{1,2}[/].*tfjs[.]js$/ }, () => ({
      path: join(root, "src/tfjs-page.ts"),
    }));
    bundle.onLoad({ filter: /src[\\/]backends[\\/](node|cuda)[.]ts$/ }, () => ({ contents: "" }));
  },
};

const bundle = (program: string, format: "iife" | "esm", outfile: string) =>
  build({
    entryPoints: [program],
    ...{ bundle: true, minify: true, target: "es2022", format, outfile, logLevel: "error" as const },
    alias: {
      "cfd-distill": join(root, "src/index.ts"),
      "cfd-distill/backends/wasm": join(root, "src/backends/wasm.ts"),
    },
    plugins: [forPages],
    ignoreAnnotations: true, // package.json's sideEffects names what is built
  });
