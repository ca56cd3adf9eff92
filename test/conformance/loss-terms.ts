// What the fixtures hold of losses: the same of every schedule.
import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";
import { valueAndGrads } from "../../src/autodiff/value-and-grads.js";
import type { LossTerms, Params, Weighting } from "../../src/index.js";
import { expectClose, expectTensor, type Fixture } from "./fixtures.js";
import { flatten, image } from "./pointwise.js";

/** By the names that they have there. */
export const WEIGHTINGS: Readonly<Record<string, Weighting | undefined>> = {
  x0: "x0",
  eps: "eps",
  truncatedSnr: "truncatedSnr",
  snrPlusOne: "snrPlusOne",
  minSnr: { minSnr: 5 },
  default: undefined,
};

/** The images and the noise of a named batch. */
export const batchOf = (name: string) => ({
  x0: image(`${name}/x0`, [4, 4, 4, 3]),
  eps: image(`${name}/eps`, [4, 4, 4, 3], 1.7),
});

const TOLERANCE = 1.5e-6;

/** Fails unless the terms of a loss and its gradients are those that `fixture` holds for `key`. */
export async function expectTerms(
  f: () => LossTerms,
  params: Params,
  fixture: Fixture,
  key: string,
): Promise<void> {
  const { terms, grads } = valueAndGrads(f, params);
  const order = ["loss", "x0Mse", "epsMse"];
  expect(Object.keys(terms).sort()).toEqual([...order].sort());
  for (const [i, name] of order.entries()) {
    const want = fixture.numbers(`${key}.terms`)[i]!;
    const rounded = Math.abs(want) < 1e-20 ? 0 : want; // in pure noise nobody errs about eps
    await expectTensor(terms[name]!, [rounded], TOLERANCE, `${key} ${name}`);
  }
  expectClose(await flatten(grads), fixture.numbers(`${key}.gradients`), TOLERANCE, `${key} gradients`);
  tf.dispose([terms, grads]);
}
