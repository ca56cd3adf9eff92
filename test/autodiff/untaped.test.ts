import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { untaped, valueAndGrads } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const weight = () => ({ w: tf.tidy(() => tf.variable(tf.tensor1d([2, 3]))) });

describe("untaped", () => {
  it("holds fast whatever f returns: a tensor, an object, a list, one in the other", async () => {
    const params = weight();
    const { w } = params;
    const held = () => untaped(() => ({ square: tf.square(w), list: [w, { cube: tf.pow(w, 3) }] as const }));
    const { terms, grads } = valueAndGrads(() => {
      const { square, list } = held();
      const single = untaped(() => tf.mul(w, 10));
      // sum w (w^2 + w + w^3 + 10 w), all but the first w constants.
      const all = tf.addN([square, list[0], list[1].cube, single]);
      return { loss: tf.sum(tf.mul(w, all)).asScalar() };
    }, params);
    const constants = [2, 3].map((x) => x ** 2 + x + x ** 3 + 10 * x);
    expect((await terms.loss.data())[0]).toBeCloseTo(2 * constants[0]! + 3 * constants[1]!, 4);
    expect([...(await grads.w!.data())]).toEqual(constants);
    tf.dispose([terms, grads, params]);
  });

  it("gives tensors of the caller's own, and frees the rest, also where nothing is differentiated", async () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    const { same, twice, none } = untaped(() => ({
      same: x,
      twice: tf.mul(tf.add(x, x), 1),
      none: undefined,
    }));
    expect(none).toBeUndefined();
    expect(tf.memory().numTensors).toBe(before + 2);
    same.dispose();
    expect([...(await x.data()), ...(await twice.data())]).toEqual([1, 2, 2, 4]);
    tf.dispose([x, twice]);
  });

  it("keeps nothing of f on the tape", () => {
    const params = weight();
    let during = 0;
    const before = tf.memory().numTensors;
    const { terms, grads } = valueAndGrads(() => {
      const held = untaped(() => tf.sum(tf.exp(tf.square(tf.mul(params.w, 2)))));
      during = tf.memory().numTensors - before;
      return { loss: tf.mul(held, tf.sum(params.w)).asScalar() };
    }, params);
    expect(during).toBe(1);
    tf.dispose([terms, grads, params]);
  });

  it("refuses what is no function, and what it returns that is no tensor, without a leak", () => {
    const refusal = "untaped: expected f to return a tensor, or an object or a list of tensors, got ";
    expect(() => untaped(3 as never)).toThrow("untaped: expected f to be a function, got 3.");
    expect(() => untaped(() => undefined as never)).toThrow(`${refusal}undefined.`);
    expect(() => untaped(() => null as never)).toThrow(`${refusal}null.`);
    expect(() => untaped(() => Promise.resolve(1) as never)).toThrow(`${refusal}a promise.`);
    expect(() => untaped(() => ({ a: tf.scalar(1), b: 2 as never }))).toThrow(`${refusal}2.`);
    const fails = () =>
      untaped((): tf.Tensor => {
        tf.scalar(1);
        throw new Error("mine");
      });
    expect(fails).toThrow("mine");
  });
});
