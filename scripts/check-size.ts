// What does an import cost a page? Bundles the built package as a page's bundler would, without TensorFlow.js, and holds
// minified and gzipped sizes against budgets. A Node built-in, or an engine that nobody asked for, is an error as well.
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

// A little above what was measured. The engines node and cuda are none of a page's.
const imports: readonly Import[] = [
  named("sampleDdim", 5_800),
  named("loadGenerator", 27_000),
  named("cfdLoss", 4_800),
  named("unet", 10_400),
  named("useBackend", 4_400),
  named("backendReport", 19_900),
  // Nobody needs all; 126 kB with the metrics, .npz and the Inception network, none of which costs the imports above.
  { code: `export * from "cfd-distill";`, budget: 127_000 },
  engine("cpu", 1_900),
  engine("wasm", 60_500, "@tensorflow/tfjs-backend-wasm"),
  engine("webgl", 2_300),
  engine("webgpu", 2_800, "@tensorflow/tfjs-backend-webgpu"),
];

run("npm", ["run", "build"], root);
const rows: string[][] = [["minified and gzipped, without TensorFlow.js", "bytes", "budget"]];
const complaints: string[] = [];
for (const each of imports) {
  const { bytes, foreign, largest } = await measure(each);
  rows.push([each.code, String(bytes), String(each.budget)]);
  if (foreign.length > 0) complaints.push(`${each.code} also imports ${foreign.join(", ")}`);
  if (bytes > each.budget) {
    complaints.push(`${each.code} is above its budget; most of it is ${largest.join(", ")}`);
  }
}
process.stdout.write(`${textTable(rows)}\n`);
if (complaints.length > 0) {
  process.stderr.write(`${complaints.join("\n")}\n`);
  process.exitCode = 1;
}

/** Fails where a Node built-in is imported: in a page there is none. */
async function measure({ code, engine: own }: Import) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    tsconfigRaw: {}, // this repository's would lead to the sources
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    external: ["@tensorflow/*"],
    write: false,
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  const packages = new Set(output!.imports.map(({ path }) => path));
  const foreign = [...packages].filter((name) => name !== "@tensorflow/tfjs" && name !== own);
  return { bytes: gzipSync(outputFiles[0]!.contents).length, foreign, largest: largestOf(output!) };
}

function largestOf({ inputs }: Metafile["outputs"][string]): string[] {
  const sizes = Object.entries(inputs).map(([path, { bytesInOutput }]) => [path, bytesInOutput] as const);
  const first = sizes.sort(([, a], [, b]) => b - a).slice(0, 5);
  return first.map(([path, bytes]) => `${path} (${bytes} bytes, not gzipped)`);
}
