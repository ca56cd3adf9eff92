import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { aliases } from "../../tools/aliases.js";

export default defineConfig({
  root: fileURLToPath(new URL("./", import.meta.url)),
  resolve: {
    alias: aliases,
  },
  test: {
    include: ["test/*.test.ts"],
    globalSetup: "test/build.ts",
    fileParallelism: false, // the time that the page takes is tested
    pool: "forks",
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // tfjs greets every process with an advertisement for its native engine.
    onConsoleLog: (log) => !log.includes("looks like you are running TensorFlow.js in Node.js"),
  },
});
