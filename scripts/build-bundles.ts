// What of dist/ is more than one source file each; runs after tsup.
import { join } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { root } from "../tools/run.js";

const common: BuildOptions = {
  ...{ bundle: true, format: "esm", target: "es2022", logLevel: "error" },
  tsconfigRaw: {}, // this repository's would lead to the sources
};

/** Imports of this package's own files. */
const ownFilesStay: Plugin = {
  name: "own-files-stay",
  setup(bundle) {
    bundle.onResolve({ filter: /^[.][/]/ }, ({ importer, path }) =>
      importer.includes("node_modules") ? undefined : { path, external: true },
    );
  },
};

// Of pure-rand, which has no address that Parcel finds without being told, the one generator comes within rng.js.
const rng = join(root, "dist/rng.js");
await build({
  ...common,
  ...{ entryPoints: [rng], outfile: rng, allowOverwrite: true },
  plugins: [ownFilesStay],
  banner: { js: "// With parts of pure-rand, copyright (c) 2018 Nicolas DUBIEN, MIT licence." },
});

/** A graphics engine is larger than all the rest: whoever wants one takes a bundler. */
const withoutGraphics: Plugin = {
  name: "without-graphics",
  setup(bundle) {
    bundle.onLoad({ filter: /dist[\\/]backends[\\/]webgl[.]js$/ }, () => ({ contents: "" }));
  },
};

// The main entry as one file for pages without a bundler, with TensorFlow.js, wasm and cpu.
await build({
  ...common,
  ...{ entryPoints: [join(root, "dist/index.js")], outfile: join(root, "dist/cfd-distill.min.js") },
  ...{ minify: true, platform: "browser", plugins: [withoutGraphics] },
});
