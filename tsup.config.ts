import { defineConfig } from "tsup";

// One output file a source file: the package reads like the repository. Types come from tsc.
export default defineConfig({
  entry: ["src/**/*.ts", "!src/backends/wasm/kernels/**"],
  bundle: false,
  format: "esm",
  target: "es2022",
  clean: true,
});
