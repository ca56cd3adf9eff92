import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  resolve: {
    alias: [
      { find: /^cfd-distill$/, replacement: source("index.ts") },
      { find: /^cfd-distill\/node$/, replacement: source("node.ts") },
      { find: /^cfd-distill\/backends\/(.*)$/, replacement: source("backends/$1.ts") },
    ],
  },
  test: {
    include: ["test/*.test.ts"],
    pool: "forks",
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // tfjs greets every process with an advertisement for its native engine.
    onConsoleLog: (log) => !log.includes("looks like you are running TensorFlow.js in Node.js"),
  },
});
