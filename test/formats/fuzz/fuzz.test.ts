// A longer run of the same: npm run fuzz -- --minutes 5
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { complaints, makeTargets } from "./targets.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const MUTANTS = 150;

it("a damaged file is read for what it says, or refused in our words, at once", async () => {
  const seeds = Array.from({ length: MUTANTS }, (_, seed) => seed);
  for (const target of await makeTargets()) {
    const found = [...complaints(target, seeds)];
    expect(found.join("\n"), `${found.length} of ${MUTANTS} mutants`).toBe("");
  }
}, 60_000);
