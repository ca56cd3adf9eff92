import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { frozen } from "../../src/autodiff/frozen.js";
import { valueAndGrads } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const variables = () => ({
  x: tf.tidy(() => tf.variable(tf.tensor1d([1, -2]))),
  w: tf.tidy(() => tf.variable(tf.tensor1d([3, 5]))),
});

it("passes a gradient to the input, and none to the weights", async () => {
  const params = variables();
  // sum of (w x)^2 + w x: by x it is 2 w^2 x + w; the w outside is not frozen.
  const { terms, grads } = valueAndGrads(() => {
    const y = frozen((x: tf.Tensor) => tf.square(tf.mul(x, params.w)), tf.mul(params.x, 1));
    return { loss: tf.sum(tf.add(y, tf.mul(params.w, params.x))).asScalar() };
  }, params);
  expect([...(await terms.loss.data())]).toEqual([9 + 100 + 3 - 10]);
  expect([...(await grads.x!.data())]).toEqual([18 + 3, -100 + 5]);
  expect([...(await grads.w!.data())]).toEqual([1, -2]);
  tf.dispose([params, terms, grads]);
});

it("is of any order, gives zeros where nothing depends, and returns a tensor of the caller's own", async () => {
  const x = tf.tensor1d([2]);
  const cube = (y: tf.Tensor) => frozen((z) => tf.mul(tf.square(z), z), y);
  const second = tf.grad(tf.grad(cube))(x);
  expect([...(await second.data())]).toEqual([12]);
  const constant = tf.grad((y: tf.Tensor) =>
    tf.add(
      frozen(() => tf.ones([1]), y),
      y,
    ),
  )(x);
  expect([...(await constant.data())]).toEqual([1]);
  const same = frozen((y) => y, x);
  same.dispose();
  expect(x.isDisposed).toBe(false);
  tf.dispose([x, second, constant]);
});

it("leaves nothing behind when it throws, at first or in the backward pass", () => {
  const params = variables();
  let calls = 0;
  const breaking = (at: number) => () =>
    valueAndGrads(() => {
      const f = (x: tf.Tensor) => {
        const y = tf.square(x);
        if (++calls === at) throw new Error("broken");
        return y;
      };
      return { loss: tf.sum(frozen(f, params.x)).asScalar() };
    }, params);
  for (const at of [1, 2]) {
    calls = 0;
    expect(breaking(at)).toThrow("broken");
  }
  tf.dispose(params);
});
