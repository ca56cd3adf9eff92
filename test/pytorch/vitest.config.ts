import { defineConfig } from "vitest/config";
import { shared } from "../projects/projects.js";
import { announceSkipped } from "../projects/skipped.js";
import { findPyTorch } from "./python.js";

const found = findPyTorch();
if ("at" in found) console.log(`PyTorch's tests, with ${found.at}`);
else announceSkipped([{ projects: ["pytorch:test"], ...found }]);

export default defineConfig({
  ...shared,
  test: {
    // Without a single test vitest fails: what was skipped has not passed.
    include: "at" in found ? ["test/pytorch/*.test.ts"] : [],
    pool: "forks",
    testTimeout: 300_000,
    // tfjs greets every process with an advertisement for its native engine.
    onConsoleLog: (log) => !log.includes("looks like you are running TensorFlow.js in Node.js"),
  },
});
