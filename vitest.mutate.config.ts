import { defineConfig } from "vitest/config";
import { unit } from "./test/projects/projects.js";

// What StrykerJS runs for every mutant (`npm run mutate`): TESTS where that is set, as it is the time that a mutant takes,
// else the unit project but for what starts programs of its own, where no mutant is at work, and what is of other folders.
const { TESTS } = process.env;

const exclude = [
  ...(unit.test?.exclude ?? []),
  "examples/**",
  "test/{backends,doctor,cli,docs,metrics}/**",
  "test/**/{model-card,real-classifiers,authors-files,inception}.test.ts",
];

export default defineConfig({
  ...unit,
  test: { ...unit.test, ...(TESTS === undefined ? { exclude } : { include: TESTS.split(",") }) },
});
