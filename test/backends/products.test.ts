import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { fusedMatMul, matMul } from "../../src/backends/wasm/stock/mat-mul.js";
import { createRng, useBackend } from "../../src/index.js";

// The library's own matrix products: against the composition out of the engine's, for every kind of size.

const rng = createRng(17);
const normal = (...shape: number[]) => tf.tensor(rng.normals(tf.util.sizeFromShape(shape)), shape);

const size = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(1, 4, 8, 32, 33));
const batches = fc.constantFrom(
  [[], []],
  [[3], [3]],
  [[3], []],
  [[], [3]],
  [[2, 3], [3]],
  [[2, 1], [3]],
  [[1], [1, 2, 2]],
) as fc.Arbitrary<[number[], number[]]>;
const products = fc.record({
  rows: size,
  inner: size,
  columns: size,
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
  batches,
});
type Product = typeof products extends fc.Arbitrary<infer T> ? T : never;

/** More inner places than one block, rows beyond one block of pixels and one list of them, vectors. */
const examples: Product[] = [
  { rows: 5, inner: 1030, columns: 9, transposeA: true, transposeB: true, batches: [[2], [2]] },
  { rows: 131, inner: 7, columns: 12, transposeA: false, transposeB: true, batches: [[2], [2]] },
  { rows: 3101, inner: 3, columns: 5, transposeA: false, transposeB: false, batches: [[], []] },
  { rows: 1, inner: 300, columns: 11, transposeA: true, transposeB: false, batches: [[], []] },
  { rows: 300, inner: 1, columns: 1, transposeA: false, transposeB: true, batches: [[3], [3]] },
];

const operands = ({ rows, inner, columns, transposeA, transposeB, batches: [left, right] }: Product) => ({
  a: normal(...left, ...(transposeA ? [inner, rows] : [rows, inner])),
  b: normal(...right, ...(transposeB ? [columns, inner] : [inner, columns])),
});

/** By the kernel that serves where the library's own module cannot run. */
const composed = (run: tf.KernelFunc, inputs: tf.NamedTensorMap, attrs: object) =>
  run({ inputs, backend: tf.backend(), attrs: attrs as tf.NamedAttrMap }) as tf.Tensor;

/** Within a few roundings of the largest value. */
async function expectClose(actual: tf.Tensor, expected: tf.Tensor): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  const [left, right] = [await actual.data<"float32">(), await expected.data<"float32">()];
  const largest = (values: Float32Array) =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = largest(left.map((value, i) => value - right[i]!));
  expect(error).toBeLessThanOrEqual(3e-6 * Math.max(1, largest(right)));
}

async function expectAgreement(product: Product): Promise<void> {
  const { a, b } = operands(product);
  const bias = normal(product.columns);
  const { transposeA, transposeB, batches: pair } = product;
  const attrs = { transposeA, transposeB, activation: "linear" };
  const results = tf.tidy(() => [tf.matMul(a, b, transposeA, transposeB), composed(matMul, { a, b }, attrs)]);
  await expectClose(results[0]!, results[1]!);
  // tf.fused.matMul itself knows but one axis of batches.
  const flat = pair.every((batch) => batch.length === pair[0].length && batch.length < 2);
  const biased = !flat
    ? []
    : tf.tidy(() => [
        tf.fused.matMul({ a, b, transposeA, transposeB, bias }),
        composed(fusedMatMul, { a, b, bias }, attrs),
      ]);
  if (flat) await expectClose(biased[0]!, biased[1]!);
  tf.dispose([results, biased, a, b, bias]);
}

describe("the kernels for products on wasm", () => {
  beforeAll(() => useBackend("wasm"));

  it("agree with the composition, transposed, in batches and with a bias, and leak nothing", async () => {
    const before = tf.memory().numTensors;
    await fc.assert(fc.asyncProperty(products, expectAgreement), {
      numRuns: 150,
      seed: 4,
      examples: examples.map((product) => [product]),
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("follow the memory when it grows, and weights when they are assigned anew", async () => {
    const heap = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
    const before = heap();
    const large = tf.zeros([before / 4]);
    expect(heap()).toBeGreaterThan(before);
    for (const example of examples) await expectAgreement(example);
    large.dispose();
    for (const example of examples) await expectAgreement(example);
    const x = normal(3, 9);
    const w = tf.variable(normal(9, 10));
    for (let step = 0; step < 3; step++) {
      const [own, expected] = [tf.matMul(x, w), composed(matMul, { a: x, b: w }, {})];
      await expectClose(own, expected);
      const next = normal(9, 10);
      w.assign(next);
      tf.dispose([own, expected, next]);
    }
    tf.dispose([x, w]);
  });

  it("have the gradients of finite differences, with a bias", async () => {
    const [a, b, bias, weights] = [normal(3, 5), normal(5, 9), normal(9), normal(3, 9)];
    const f = (...[x, y, z]: tf.Tensor[]) =>
      tf.sum(tf.mul(tf.fused.matMul({ a: x!, b: y!, bias: z! }), weights));
    const inputs = [a, b, bias];
    const gradients = tf.grads(f)(inputs);
    for (const [i, gradient] of gradients.entries()) {
      // The function is linear in each input: a long step rounds least.
      const direction = normal(...inputs[i]!.shape);
      const at = (step: number) =>
        f(...inputs.map((x, j) => (j === i ? tf.add(x, tf.mul(direction, step)) : x)));
      const [ahead, behind] = [await at(1).data(), await at(-1).data()];
      const expected = (ahead[0]! - behind[0]!) / 2;
      const actual = await tf.sum(tf.mul(gradient, direction)).data();
      expect(Math.abs(actual[0]! - expected)).toBeLessThanOrEqual(3e-5 * Math.max(1, Math.abs(expected)));
    }
  });
});
