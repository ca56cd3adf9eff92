import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { pageAliases } from "../../tools/aliases.js";
import { isolate } from "./isolate.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// With these it may share memory between threads, and computes on all cores. The build has a stand-in for them.
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Of the folder that is copied whole, what no page asks for. */
const withoutCifar10: Plugin = {
  name: "without-cifar10",
  apply: "build",
  writeBundle: ({ dir }) => {
    rmSync(join(dir!, "cifar10"), { recursive: true, force: true });
  },
};

export default defineConfig({
  plugins: [withoutCifar10, isolate],
  root: here("./"),
  publicDir: here("../assets"), // models/ and the emoji, with their licences
  base: "./", // so that the build can be put in any folder of any host
  resolve: {
    alias: pageAliases,
  },
  worker: { format: "es" },
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 2000, // TensorFlow.js, in the workers
    rollupOptions: { input: [here("index.html"), here("minimal.html")] },
  },
  server: { headers: isolation, fs: { allow: [here("../..")] } },
  preview: { headers: isolation },
  // Else the packages that only the workers import are found late, and the page loads again.
  optimizeDeps: { entries: ["*.html", "*-worker.ts"] },
});
