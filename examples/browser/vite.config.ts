import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const source = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));

// The page works without these. With them it may share memory between workers, and distils on two cores.
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./", // so that the build can be put in any folder of any host
  resolve: {
    alias: [
      { find: /^cfd-distill$/, replacement: source("index.ts") },
      { find: /^cfd-distill\/backends\/(.*)$/, replacement: source("backends/$1.ts") },
    ],
  },
  worker: { format: "es" },
  build: { target: "es2022", chunkSizeWarningLimit: 2000 }, // TensorFlow.js, in the workers
  server: { headers: isolation, fs: { allow: [fileURLToPath(new URL("../..", import.meta.url))] } },
  preview: { headers: isolation },
  optimizeDeps: {
    include: ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "@tensorflow/tfjs-backend-webgpu"],
  },
});
