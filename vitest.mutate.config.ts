import { defineConfig, mergeConfig } from "vitest/config";
import { unit } from "./test/projects/projects.js";

// What StrykerJS runs for every mutant (`npm run mutate`): the unit project but for what starts programs of its own,
// where no mutant is at work, and what is of other folders; of it only TESTS where that is set, as it is the time that a
// mutant takes.
const { TESTS } = process.env;

export default mergeConfig(
  TESTS === undefined ? unit : { ...unit, test: { ...unit.test, include: TESTS.split(",") } },
  defineConfig({
    test: {
      exclude: [
        "examples/**",
        "test/{backends,doctor,cli,docs,metrics}/**",
        "test/**/{model-card,real-classifiers,authors-files,inception}.test.ts",
      ],
    },
  }),
);
