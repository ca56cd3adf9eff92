import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { accumulateGrads } from "../../src/autodiff/accumulate.js";
import { readTerms } from "../../src/training/read-terms.js";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { LossTerms } from "../../src/types.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const makeParams = () => ({
  w: tf.variable(tf.tensor1d([1, 2])),
  unused: tf.variable(tf.tensor2d([[5, 6]])),
  mean: tf.variable(tf.tensor1d([10, 20]), false),
});

/** loss = sum w^2 mean + 3 w0, so d/dw = 2 w mean + [3, 0]. */
const loss = (params: ReturnType<typeof makeParams>) => {
  const quadratic = tf.sum(tf.mul(tf.square(params.w), params.mean)).asScalar();
  const linear = tf.mul(3, params.w.slice([0], [1])).asScalar();
  return { loss: tf.add(quadratic, linear).asScalar(), quadratic, linear };
};

/** How many tensors `f` leaves behind. */
async function leaked(f: () => unknown): Promise<number> {
  const before = tf.memory().numTensors;
  await f();
  return tf.memory().numTensors - before;
}

describe("valueAndGrads", () => {
  it("gives terms and gradients, zeros for what the loss does not reach, nothing for statistics", async () => {
    const params = makeParams();
    const other = tf.variable(tf.scalar(1)); // a trainable variable of another network
    const { terms, grads } = valueAndGrads(() => loss(params), params);
    expect(await readTerms(terms)).toEqual({ loss: 93, quadratic: 90, linear: 3 });
    expect(Object.keys(terms)[0]).toBe("loss");
    expect(Object.keys(grads)).toEqual(["w", "unused"]);
    expect([...(await grads.w!.data())]).toEqual([23, 80]);
    expect(await grads.unused!.array()).toEqual([[0, 0]]);
    tf.dispose([terms, grads, params, other]);
  });

  it("leaves only what it returns, and an outer tidy frees even that", async () => {
    const params = makeParams();
    expect(await leaked(() => valueAndGrads(() => loss(params), params))).toBe(3 + 2);
    const inTidy = () => {
      tf.tidy(() => {
        valueAndGrads(() => loss(params), params);
      });
    };
    expect(await leaked(inTidy)).toBe(0);
    tf.disposeVariables();
  });

  it("leaks nothing when f, the loss or the backward pass fails", async () => {
    const params = makeParams();
    const taped = () => tf.exp(tf.mul(params.w, params.mean)); // saves tensors for its gradient
    const noGradient = tf.customGrad((x) => {
      const gradFunc = () => {
        throw new Error("no gradient");
      };
      return { value: tf.sum((x as tf.Tensor).square()).asScalar(), gradFunc };
    });
    const thrown = (): LossTerms => {
      taped();
      throw new Error("mine");
    };
    const cases: [() => LossTerms, string][] = [
      [thrown, "mine"],
      [() => ({ loss: taped() as tf.Scalar }), "the term loss to be a scalar, got a tensor of shape [2]"],
      [() => ({ loss: loss(params).loss, extra: params.w as unknown as tf.Scalar }), "the term extra"],
      [() => ({ total: tf.sum(taped()).asScalar() }) as unknown as LossTerms, "with `loss` among them"],
      [() => taped() as unknown as LossTerms, "f to return named scalars"],
      [() => Promise.resolve({}) as unknown as LossTerms, "f to return named scalars"],
      [() => undefined as unknown as LossTerms, "got undefined"],
      [() => ({ loss: tf.scalar(1) }), "a loss that depends on a trainable entry of params"],
      [() => ({ loss: tf.sum(taped().add(noGradient(params.w))).asScalar() }), "no gradient"],
    ];
    for (const [f, message] of cases) {
      const run = () => {
        expect(() => valueAndGrads(f, params)).toThrow(message);
      };
      expect(await leaked(run), message).toBe(0);
    }
    // And the tape is as good as new.
    const { grads } = valueAndGrads(() => loss(params), params);
    expect([...(await grads.w!.data())]).toEqual([23, 80]);
    tf.disposeVariables();
  });

  it("refuses params with nothing to train", () => {
    const params = { mean: tf.variable(tf.scalar(1), false) };
    const f = () => ({ loss: params.mean.asScalar() });
    expect(() => valueAndGrads(f, params)).toThrow("valueAndGrads: expected at least one trainable entry");
    tf.disposeVariables();
  });
});

describe("readTerms", () => {
  it("stops on NaN and infinity, naming the terms and the step", async () => {
    const terms = { loss: tf.scalar(NaN), feature: tf.scalar(1), entropy: tf.scalar(-Infinity) };
    const expected =
      "readTerms: expected every term to be finite, got loss = NaN, entropy = -Infinity at step 12.";
    const read = async () => {
      await expect(readTerms(terms, { step: 12 })).rejects.toThrow(expected);
      await expect(readTerms(terms)).rejects.toThrow("entropy = -Infinity.");
      expect(await readTerms({ feature: terms.feature })).toEqual({ feature: 1 });
      expect(await readTerms({})).toEqual({});
    };
    expect(await leaked(read)).toBe(0);
    tf.dispose(terms);
  });
});

describe("accumulateGrads", () => {
  it("averages terms and gradients over micro-batches and frees what it was given", async () => {
    const params = makeParams();
    const step = (i: number) =>
      valueAndGrads(() => {
        const scaled = tf.mul(i + 1, tf.sum(params.w)).asScalar();
        return { loss: scaled, count: tf.scalar(i) };
      }, params);
    for (const [count, mean] of [
      [1, 1],
      [2, 1.5],
      [4, 2.5],
    ] as const) {
      const check = async () => {
        const { terms, grads } = accumulateGrads(count, step);
        expect(await readTerms(terms)).toEqual({ loss: 3 * mean, count: mean - 1 });
        expect([...(await grads.w!.data())]).toEqual([mean, mean]);
        tf.dispose([terms, grads]);
      };
      expect(await leaked(check)).toBe(0);
    }
    tf.disposeVariables();
  });

  it("holds one sum and one micro-batch at a time", () => {
    const params = makeParams();
    const alive: number[] = [];
    const result = accumulateGrads(6, () => {
      alive.push(tf.memory().numTensors);
      return valueAndGrads(() => loss(params), params);
    });
    expect(new Set(alive.slice(1)).size).toBe(1);
    tf.dispose([result] as unknown as tf.TensorContainer);
    tf.disposeVariables();
  });

  it("leaks nothing when a micro-batch fails, and refuses a bad count", async () => {
    const params = makeParams();
    const failing = () => {
      const run = (i: number) => {
        if (i === 2) throw new Error("third");
        return valueAndGrads(() => loss(params), params);
      };
      expect(() => accumulateGrads(3, run)).toThrow("third");
      expect(() => accumulateGrads(0, run)).toThrow(
        "accumulateGrads: expected count to be a positive integer",
      );
    };
    expect(await leaked(failing)).toBe(0);
    tf.disposeVariables();
  });
});
