import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { assignParams, useBackend } from "../../src/index.js";

beforeAll(() => useBackend("cpu"));

describe("assignParams", () => {
  it("loads weights, or says what differs and changes nothing", async () => {
    const params = { a: tf.variable(tf.scalar(1)), b: tf.variable(tf.ones([2])) };
    const same = { a: tf.variable(tf.scalar(3)), b: tf.variable(tf.zeros([2])) };
    assignParams(params, same);
    same.a.assign(tf.scalar(9));
    expect([...(await params.a.data()), ...(await params.b.data())]).toEqual([3, 0, 0]);
    const other = { a: same.a, c: tf.variable(tf.ones([3])) };
    expect(() => {
      assignParams(params, other);
    }).toThrow(
      'assignParams: expected the weights of this network, got no "b" [2], "c" [3] which does not belong there.',
    );
    expect([...(await params.a.data())]).toEqual([3]);
    params.b.dispose();
    const before = tf.memory().numTensors;
    expect(() => {
      assignParams(params, same);
    }).toThrow("assignParams: expected b to be a tensor in use, got one that was disposed.");
    expect([...(await params.a.data())]).toEqual([3]);
    expect(tf.memory().numTensors).toBe(before);
    tf.disposeVariables();
  });
});
