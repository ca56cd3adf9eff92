// The package's main entry as one file, for pages without a bundler: what npm run build made, with TensorFlow.js, wasm and cpu.
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { root } from "../tools/run.js";

/** A graphics engine is larger than all the rest: whoever wants one takes a bundler. */
const withoutGraphics: Plugin = {
  name: "without-graphics",
  setup(bundle) {
    bundle.onLoad({ filter: /dist[\\/]backends[\\/]webgl[.]js$/ }, () => ({ contents: "" }));
  },
};

await build({
  entryPoints: [join(root, "dist/index.js")],
  outfile: join(root, "dist/cfd-distill.min.js"),
  ...{ bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022" },
  tsconfigRaw: {}, // this repository's would lead to the sources
  plugins: [withoutGraphics],
  logLevel: "error",
});
