import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();
const { accumulateGrads, readTerms } = library;

describe("weights and gradients", () => {
  const { adam, updateEma, valueAndGrads, clipByGlobalNorm, assignParams } = library;
  const applied = (params: unknown, grads: unknown) => () => {
    const optimizer = adam({ learningRate: 1 });
    try {
      optimizer.apply(params as never, grads as never);
    } finally {
      optimizer.dispose();
    }
  };
  const takers: Record<string, (params: never) => unknown> = {
    "adam.apply": (params) => {
      applied(params, {})();
    },
    valueAndGrads: (params) => valueAndGrads(() => ({ loss: tf.scalar(1) }), params),
    cloneParams: (params) => library.cloneParams(params),
    countParameters: (params) => library.countParameters(params),
    disposeParams: (params) => {
      library.disposeParams(params);
    },
    updateEma: (params) => {
      updateEma(params, params, 0.5);
    },
  };
  it.each(Object.entries(takers))("%s takes variables alone", async (name, take) => {
    const tensor = tf.scalar(1);
    for (const weight of [
      null,
      undefined,
      1,
      [1],
      {},
      { shape: [1] },
      structuredClone(Object.assign({}, tensor)),
      tensor,
    ]) {
      expect(await complaint(() => take({ w: weight } as never))).toMatch(
        `${name}: expected w to be a variable, got `,
      );
    }
    for (const params of [Promise.resolve({}), new Map(), [], new Float32Array(1), "w"]) {
      expect(await complaint(() => take(params as never))).toMatch(
        `${name}: expected params${name === "updateEma" ? " with the names and shapes" : ", weights by name"}`,
      );
    }
    tensor.dispose();
  });

  it("have to be in use, and of numbers in float32", async () => {
    const w = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const [whole, gone] = [tf.ones([2], "int32"), tf.ones([2])];
    gone.dispose();
    for (const [grad, got] of [
      [null, 'one gradient per trainable weight, got no "w" [2]'],
      [5, 'one gradient per trainable weight, got "w" 5 instead of [2]'],
      [{ shape: [2] }, 'w to be a tensor, got {"shape":[2]}'],
      [gone, "w to be a tensor in use, got one that was disposed"],
      [whole, "w to be of type float32, got int32"],
    ] as const) {
      expect(await complaint(applied({ w }, { w: grad }))).toBe(`adam.apply: expected ${got}.`);
    }
    for (const grad of [gone, whole]) {
      expect(await complaint(() => clipByGlobalNorm({ w: grad }, 1))).toMatch(
        "clipByGlobalNorm: expected w ",
      );
      const from = { w: grad } as never;
      expect(
        await complaint(() => {
          assignParams({ w }, from);
        }),
      ).toMatch("assignParams: expected w ");
    }
    w.dispose();
    expect(await complaint(applied({ w }, {}))).toBe(
      "adam.apply: expected w to be a tensor in use, got one that was disposed.",
    );
    whole.dispose();
  });

  it("come from functions", async () => {
    expect(await complaint(() => accumulateGrads(1, {} as never))).toBe(
      "accumulateGrads: expected f to be a function, got {}.",
    );
    expect(await complaint(() => valueAndGrads(null as never, {}))).toBe(
      "valueAndGrads: expected f to be a function, got null.",
    );
  });
});

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
    // Whoever forgot to await, or has them in a Map, would be told that there are none.
    for (const terms of [Promise.resolve({}), new Map([["a", vector]]), new Date(0), new Float32Array(1)]) {
      expect(await complaint(() => readTerms(terms as never))).toMatch("readTerms: expected scalars by name");
    }
    expect(await complaint(() => readTerms({}, { step: -1 }))).toBe(
      "readTerms: expected step to be an integer >= 0, got -1.",
    );
    vector.dispose();
  });
});
