import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";
import { check, checkOptions, describe as show } from "../src/check.js";

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
  expect(show({ data: new Float32Array(3), list: Array(1000).fill(1) })).toMatch(
    /^{"data":"a Float32Array","list":\[1,1/,
  );
  expect(show(() => 1)).toBe("a function");
  expect(show(cycle)).toBe("a value that JSON cannot show");
  tensor.dispose();
});

test("an option that does not exist is refused, with the nearest name", () => {
  interface Options {
    readonly steps?: number;
    readonly guidance?: number;
  }
  const names = { steps: true, guidance: true } as const;
  const take = (options: object) => {
    checkOptions<Options>("sampleDdim", options, names);
  };
  take({});
  take({ steps: 3, guidance: undefined, guidence: undefined });
  expect(() => {
    take({ guidence: 2 });
  }).toThrow(new Error("sampleDdim: expected option guidance, got guidence."));
  expect(() => {
    take({ toString: 2 });
  }).toThrow(new Error("sampleDdim: expected only the options steps, guidance, got toString."));
  expect(() => {
    take(null as never);
  }).toThrow("sampleDdim: expected an object of options, got null.");
});
