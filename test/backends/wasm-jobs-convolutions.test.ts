import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { describe, expect, it, vi } from "vitest";
import { createRng } from "../../src/index.js";
import { runnableBuilds, useWasm } from "./builds.js";
import { cases, draw as drawCase, evaluateCase } from "../support/compositions.js";
import { draw, evaluate, examples } from "./convolutions.js";
import { divided } from "./divided.js";

vi.mock("../../src/backends/wasm/jobs.js", async (original) => {
  const { runDivided } = await import("./divided.js");
  return { ...(await original<object>()), run: runDivided };
});

const products: [left: number[], right: number[], transposeA: boolean, transposeB: boolean][] = [
  [[150, 7], [7, 20], false, false],
  [[9, 30], [30, 100], false, false],
  [[3, 60, 9], [3, 17, 9], false, true],
  [[2, 1030, 9], [1, 1030, 21], true, false],
  [[2, 5, 9], [2, 8, 5], true, true],
];

/** The results are finite, and the same bits however the jobs are divided. */
async function expectSame(compute: () => Promise<Float32Array[]>): Promise<void> {
  const { whole, parts } = await divided(compute);
  expect(whole.every((values) => values.every(Number.isFinite))).toBe(true);
  const bits = (results: Float32Array[]) =>
    results.map((values) => Buffer.from(values.buffer).toString("hex"));
  for (const part of Object.values(parts)) expect(bits(part)).toEqual(bits(whole));
}

describe.each(await runnableBuilds())("the jobs, divided, %s SIMD", (build) => {
  it.each(examples)(
    "of a convolution and its gradients: $batch $height x $width, $inputs to $outputs",
    async (shape) => {
      await useWasm(build);
      const values = draw(shape);
      await expectSame(() => evaluate(values, shape));
    },
  );

  it.each(cases.filter(({ name }) => name.includes("convolution of")))("of $name", async (each) => {
    await useWasm(build);
    const { inputs, dy } = drawCase(each);
    await expectSame(() => evaluateCase(each, inputs, dy));
  });

  it.each(products)(
    "of a product of [%j] and [%j], transposed %j and %j",
    async (left, right, transposeA, transposeB) => {
      await useWasm(build);
      const rng = createRng(23);
      const [a, b] = [left, right].map((shape) =>
        tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape),
      );
      await expectSame(async () => {
        const product = tf.matMul(a!, b!, transposeA, transposeB);
        const data = (await product.data<"float32">()).slice();
        product.dispose();
        return [data];
      });
      tf.dispose([a, b]);
    },
  );
});
