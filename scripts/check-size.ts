// What does an import cost a page? Bundles the built package as a page's bundler would, without TensorFlow.js, and the page
// of the README with it, and holds minified and gzipped sizes against budgets. What is imported when it is asked for is not
// counted before. A Node built-in, or an engine that nobody asked for, is an error as well.
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { textTable } from "../tools/text-table.js";
import { root, run } from "../tools/run.js";

interface Import {
  readonly code: string;
  /** Gzipped bytes. */
  readonly budget: number;
  /** The engine's package, where it is an engine's entry. */
  readonly engine?: string;
}

const named = (name: string, budget: number): Import => ({
  code: `export { ${name} } from "cfd-distill";`,
  budget,
});
const engine = (name: string, budget: number, from?: string): Import => ({
  code: `import "cfd-distill/backends/${name}";`,
  budget,
  ...(from !== undefined && { engine: from }),
});

/** What of TensorFlow.js every page has. */
const known = ["@tensorflow/tfjs-core", "@tensorflow/tfjs-core/dist/register_all_gradients.js"];

// A little above what was measured. The engines node and cuda are none of a page's.
const imports: readonly Import[] = [
  named("sampleDdim", 6_900),
  named("loadGenerator", 29_500),
  named("cfdLoss", 5_700),
  named("unet", 11_300),
  named("useBackend", 4_700),
  named("backendReport", 20_500),
  { code: `export * from "cfd-distill";`, budget: 53_500 },
  engine("cpu", 2_200, "@tensorflow/tfjs-backend-cpu"),
  engine("wasm", 23_000, "@tensorflow/tfjs-backend-wasm"),
  engine("webgl", 2_600, "@tensorflow/tfjs-backend-webgl"),
  engine("webgpu", 3_100, "@tensorflow/tfjs-backend-webgpu"),
];

/** What the README's page loads: the library, TensorFlow.js and the engine wasm; and that engine's binary. */
const page = {
  code: `export { loadGenerator, useBackend } from "cfd-distill";`,
  scripts: { chunks: ["dist/backends/wasm.js"], budget: 170_000 },
  binary: {
    chunks: ["stock", "relaxed"].map((name) => `dist/backends/wasm/binaries/${name}.generated.js`),
    budget: 150_000,
  },
};

run("npm", ["run", "build"], root);
const rows: string[][] = [["minified and gzipped, without TensorFlow.js", "bytes", "budget"]];
const complaints: string[] = [];
for (const { code, budget, engine: own } of imports) {
  const bundle = await bundled(code, ["@tensorflow/*"]);
  const loaded = bundle.closure(bundle.first);
  hold(code, bundle.size(loaded), budget, bundle.largest(loaded));
  const packages = loaded.flatMap((path) => bundle.outputs[path]!.imports.filter(({ external }) => external));
  const foreign = packages.map(({ path }) => path).filter((name) => !known.includes(name) && name !== own);
  if (foreign.length > 0) complaints.push(`${code} also imports ${foreign.join(", ")}`);
}
const whole = await bundled(page.code, []);
const first = whole.closure(whole.first);
const engineChunks = page.scripts.chunks.flatMap((name) => whole.closure(whole.chunkOf(name)));
const scripts = [...new Set([...first, ...engineChunks])];
const binary = page.binary.chunks.map((name) => whole.chunkOf(name));
hold(
  "the README's page, TensorFlow.js included",
  whole.size(scripts),
  page.scripts.budget,
  whole.largest(scripts),
);
hold("its WebAssembly", whole.size(binary), page.binary.budget, []);
process.stdout.write(`${textTable(rows)}\n`);
if (complaints.length > 0) {
  process.stderr.write(`${complaints.join("\n")}\n`);
  process.exitCode = 1;
}

function hold(what: string, bytes: number, budget: number, largest: readonly string[]): void {
  rows.push([what, String(bytes), String(budget)]);
  if (bytes > budget) complaints.push(`${what} is above its budget; most of it is ${largest.join(", ")}`);
}

/** A program as a page's bundler packs it. Fails where a Node built-in is imported: in a page there is none. */
async function bundled(code: string, external: string[]) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    tsconfigRaw: {}, // this repository's would lead to the sources
    ...{ bundle: true, splitting: true, minify: true, format: "esm", platform: "browser" },
    external,
    outdir: root,
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const { outputs } = metafile;
  const paths = Object.keys(outputs);
  const found = (path: string | undefined, what: string) => {
    if (path === undefined) throw new Error(`size: expected a file of ${what}, got ${paths.join(", ")}.`);
    return path;
  };
  const zipped = (path: string) => {
    const { contents } = outputFiles.find((file) => file.path.endsWith(path))!;
    return gzipSync(contents).length;
  };
  const closure = (path: string, known = new Set<string>()): string[] => {
    if (known.has(path)) return [...known];
    known.add(path);
    for (const { path: next, kind, external } of outputs[path]!.imports) {
      if (kind === "import-statement" && external !== true) closure(next, known);
    }
    return [...known];
  };
  return {
    outputs,
    first: found(
      paths.find((path) => outputs[path]!.entryPoint === "<stdin>"),
      "the program",
    ),
    /** The file that is loaded when a module is imported by a call. */
    chunkOf: (module: string) =>
      found(
        paths.find((path) => outputs[path]!.entryPoint === module),
        module,
      ),
    /** A file with all that is loaded with it. */
    closure,
    size: (files: readonly string[]) => files.reduce((sum, path) => sum + zipped(path), 0),
    largest: (files: readonly string[]) => files.flatMap((path) => largestOf(outputs[path]!)).slice(0, 8),
  };
}

function largestOf({ inputs }: Metafile["outputs"][string]): string[] {
  const sizes = Object.entries(inputs).map(([path, { bytesInOutput }]) => [path, bytesInOutput] as const);
  const first = sizes.sort(([, a], [, b]) => b - a).slice(0, 5);
  return first.map(([path, bytes]) => `${path} (${bytes} bytes, not gzipped)`);
}
