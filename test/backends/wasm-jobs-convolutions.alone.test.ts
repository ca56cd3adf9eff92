import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { describe, expect, it, vi } from "vitest";
import { createRng } from "../../src/index.js";
import { runnableBuilds, useWasm } from "./builds.js";
import { cases, draw as drawCase, evaluateCase } from "../support/compositions.js";
import { draw, evaluate, examples } from "./convolutions.js";
import { divided } from "./divided.js";

vi.mock("../../src/backends/wasm/threads/jobs.js", async (original) => {
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

  it("of pools, depthwise convolutions with their gradients, and what cuts numbers off", async () => {
    await useWasm(build);
    const rng = createRng(29);
    const normals = (...shape: [number, number, number, number]) =>
      tf.tensor4d(rng.normals(tf.util.sizeFromShape(shape)), shape);
    const [x, w] = [normals(3, 9, 8, 7), normals(3, 2, 7, 2)];
    const long = tf.tensor(rng.normals(10_001));
    const depthwise = (a: tf.Tensor, b: tf.Tensor) =>
      tf.depthwiseConv2d(a as tf.Tensor4D, b as tf.Tensor4D, 2, "same");
    await expectSame(async () => {
      const results = tf.tidy(() => {
        const y = depthwise(x, w);
        const pools = [tf.maxPool(x, 3, 2, "same"), tf.avgPool(x, 2, 1, "valid")];
        const cut = [
          tf.relu(long),
          tf.clipByValue(long, -1, 0.5),
          tf.maximum(long, 0.1),
          tf.minimum(x, y.min()),
        ];
        return [y, ...tf.grads(depthwise)([x, w], tf.cos(y)), ...pools, ...cut];
      });
      const data = await Promise.all(results.map(async (result) => (await result.data()).slice()));
      tf.dispose(results);
      return data as Float32Array[];
    });
    tf.dispose([x, w, long]);
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
