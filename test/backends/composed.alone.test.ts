import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, expect, it, vi } from "vitest";
import { createRng, useBackend } from "../../src/index.js";

// wasm where this library's own kernels cannot run, for want of SIMD: what stock kernels have wrong is made of their parts.

vi.mock("../../src/backends/wasm/load-kernels.js", async (original) => ({
  ...(await original<object>()),
  loadKernels: () => Promise.resolve(undefined),
}));

beforeAll(() => useBackend("wasm"));

async function onBoth(f: () => tf.Tensor): Promise<[wasm: number[], cpu: number[]]> {
  const results: number[][] = [];
  for (const engine of ["cpu", "wasm"] as const) {
    await useBackend(engine);
    const result = tf.tidy(f);
    results.unshift(Array.from(await result.data()));
    result.dispose();
  }
  return results as [number[], number[]];
}

it("has no build of this library's kernels", async () => {
  expect((await useBackend("wasm")).build).toBeUndefined();
});

const rng = createRng(3);
const [x, full, single] = [
  [2, 6, 7, 3],
  [1, 3, 3, 4],
  [2, 2, 3, 2],
].map((shape) => rng.normals(tf.util.sizeFromShape(shape)));
const image = () => tf.tensor4d(x!, [2, 6, 7, 3]);
const borders: tf.backend_util.ExplicitPadding = [[0, 0], [1, 0], [0, 2], [0, 0]]; // prettier-ignore

it.each([
  ["conv2d", () => tf.conv2d(image(), tf.tensor4d(full!, [1, 3, 3, 4]), 2, "same")],
  ["conv2d with borders", () => tf.conv2d(image(), tf.tensor4d(full!, [1, 3, 3, 4]), [1, 2], borders)],
  ["fused.conv2d", () => tf.fused.conv2d({ x: image(), filter: tf.tensor4d(full!, [1, 3, 3, 4]), strides: 2, pad: "same" })],
  ["depthwiseConv2d", () => tf.depthwiseConv2d(image(), tf.tensor4d(single!, [2, 2, 3, 2]), 3, "same")],
] as const)("%s is right where the filter is smaller than the stride, and with borders that differ", async (_, f) => {
  const [wasm, cpu] = await onBoth(f);
  wasm.forEach((value, i) => {
    expect(Math.abs(value - cpu[i]!)).toBeLessThan(1e-5);
  });
}); // prettier-ignore

it("keeps NaN", async () => {
  const numbers = () => tf.tensor4d([NaN, -8, 1, 8], [1, 2, 2, 1]);
  const results = [
    () => tf.maximum(numbers(), tf.tensor1d([0])),
    () => tf.minimum(tf.tensor1d([0]), numbers()),
    () => tf.clipByValue(numbers(), -1, 2),
    () => tf.relu6(numbers()),
    () => tf.sign(numbers()),
    () => tf.maxPool(numbers(), 1, 2, "valid"),
    () => tf.avgPool(numbers(), 2, 2, "valid"),
    () => tf.grad((t) => tf.maxPool(t as tf.Tensor4D, 2, 2, "valid"))(numbers()),
  ];
  for (const f of results) {
    const [wasm, cpu] = await onBoth(f);
    expect(wasm.map((v) => v + 0)).toEqual(cpu.map((v) => v + 0));
  }
});
