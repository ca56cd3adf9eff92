import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";
import { check, describe as show } from "../src/check.js";

test("an error names the function, what it expected and what it got", () => {
  expect(() => {
    check(false, "sampleDdim", "steps or times", undefined);
  }).toThrow(new Error("sampleDdim: expected steps or times, got undefined."));
});

test("whatever it got is shown shortly, and showing it never fails", () => {
  const tensor = tf.zeros([2, 3]);
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  expect(show(tensor)).toBe("a tensor of shape [2, 3]");
  expect(show({ a: 1n, b: NaN })).toBe('{"a":"1","b":null}');
  expect(show(NaN)).toBe("NaN");
  expect(show("x".repeat(1000))).toHaveLength(201);
  expect(show(Array(1000).fill(1))).toHaveLength(201);
  expect(show(() => 1)).toBe("a function");
  expect(show(cycle)).toBe("a value that JSON cannot show");
  tensor.dispose();
});
