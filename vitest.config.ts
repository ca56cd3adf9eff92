import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { findProjects } from "./test/projects/projects.js";
import { announceSkipped } from "./test/projects/skipped.js";

const { projects, skipped } = findProjects();
announceSkipped(skipped);

export default defineConfig({
  test: {
    projects,
    // vitest would leave a core idle, which of two is half.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // tfjs greets every process with an advertisement for its native engine.
    onConsoleLog: (log) => !log.includes("looks like you are running TensorFlow.js in Node.js"),
  },
});
