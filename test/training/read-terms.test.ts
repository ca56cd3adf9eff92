import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { readTerms } from "../../src/training/read-terms.js";
import { complaint } from "../support/complaint.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

describe("readTerms", () => {
  const loss = tf.scalar(0.5);
  const bad = { loss, norm: tf.scalar(NaN), feature: tf.scalar(-Infinity) };
  const gone = tf.scalar(1);
  gone.dispose();

  it("reads each scalar exactly, and none of no terms", async () => {
    const third = tf.scalar(1 / 3);
    expect(await readTerms({ loss, third }, { step: 0 })).toEqual({ loss: 0.5, third: Math.fround(1 / 3) });
    expect(await readTerms({})).toEqual({});
    third.dispose();
  });

  it.each([
    {
      name: "a term is not finite",
      read: () => readTerms(bad, { step: 7 }),
      message: "readTerms: expected every term to be finite, got norm = NaN, feature = -Infinity at step 7.",
    },
    {
      name: "a term was disposed",
      read: () => readTerms({ loss, gone }),
      message: "readTerms: expected gone to be a scalar in use, got one that was disposed.",
    },
    { name: "a term is no scalar", read: () => readTerms({ loss, gone: 1 as never }), message: /a scalar/ },
  ])("leaves nothing behind where $name", async ({ read, message }) => {
    const before = tf.memory().numTensors;
    expect(await complaint(read)).toMatch(message);
    expect(tf.memory().numTensors).toBe(before);
    expect((await loss.data())[0]).toBe(0.5); // the terms are still the caller's
  });
});
