import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { accumulateGrads, readTerms } from "../../src/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

describe("accumulateGrads and readTerms", () => {
  type Sums = { terms: Record<string, tf.Tensor>; grads: Record<string, tf.Tensor> };
  const whole = (): Sums => ({ terms: { loss: tf.scalar(1) }, grads: { a: tf.ones([2]), b: tf.scalar(1) } });
  const changed: Record<string, () => Sums> = {
    'grads of the first micro-batch, got no "b" []': () => ({ ...whole(), grads: { a: tf.ones([2]) } }),
    'grads of the first micro-batch, got "c" [] which does not belong there': () => ({
      ...whole(),
      grads: { ...whole().grads, c: tf.scalar(1) },
    }),
    'grads of the first micro-batch, got "a" [1] instead of [2]': () => ({
      ...whole(),
      grads: { ...whole().grads, a: tf.ones([1]) },
    }),
    'terms of the first micro-batch, got no "loss" []': () => ({ ...whole(), terms: {} }),
    'terms of the first micro-batch, got "more" [] which': () => ({
      ...whole(),
      terms: { ...whole().terms, more: tf.scalar(1) },
    }),
  };
  it.each(Object.entries(changed))("%s", async (message, other) => {
    const sum = () => accumulateGrads(2, (i) => (i === 0 ? whole() : other()) as never);
    expect(await complaint(sum)).toMatch(`accumulateGrads: expected the ${message}`);
  });

  it("a term is a scalar", async () => {
    const vector = tf.tensor1d([1, NaN]);
    for (const [got, term] of [
      ["a tensor of shape [2]", vector],
      ["1", 1],
      ["null", null],
    ] as const) {
      const message = `readTerms: expected norm to be a scalar, got ${got}.`;
      expect(await complaint(() => readTerms({ norm: term as never }))).toBe(message);
    }
    expect(await complaint(() => readTerms({}, { step: -1 }))).toBe(
      "readTerms: expected step to be an integer >= 0, got -1.",
    );
    vector.dispose();
  });
});
