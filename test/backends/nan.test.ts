import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/index.js";
import { runnableBuilds, useWasm } from "./builds.js";

// What is NaN stays NaN, at every place of a vector and beside it: bit for bit what Math says.

/** The data of what `f` gives, which is disposed. */
async function compute(f: () => tf.Tensor): Promise<number[]> {
  const result = tf.tidy(f);
  try {
    return Array.from(await result.data());
  } finally {
    result.dispose();
  }
}

/** Every third is NaN, from another place on in every row of 7; between them numbers and both infinities. */
const numbers = Array.from({ length: 5 * 7 }, (_, i) =>
  i % 3 === 0 ? NaN : [-Infinity, -7, -0.5, 0, 0.5, 7, Infinity][i % 7]!,
);
const others = numbers.map((_, i) => numbers[(i * 4 + 1) % numbers.length]!);
const x = () => tf.tensor2d(numbers, [5, 7]);
const elu = (v: number) => (v < 0 ? Math.expm1(v) : v);
const float = (v: number) => Math.fround(v);

const unary: [string, (t: tf.Tensor) => tf.Tensor, (v: number) => number][] = [
  ["relu", tf.relu, (v) => Math.max(0, v)],
  ["relu6", tf.relu6, (v) => Math.min(6, Math.max(0, v))],
  ["clipByValue", (t) => tf.clipByValue(t, -1, 2), (v) => Math.min(2, Math.max(-1, v))],
  ["leakyRelu", (t) => tf.leakyRelu(t, 0.25), (v) => (v < 0 ? v / 4 : v)],
  ["prelu", (t) => tf.prelu(t, tf.fill([5, 1], 0.25)), (v) => (v < 0 ? v / 4 : v)],
  ["elu", tf.elu, elu],
  ["sign", tf.sign, Math.sign],
  ["step", tf.step, (v) => (Number.isNaN(v) ? NaN : Number(v > 0))],
  ["cast to bool", (t) => tf.cast(t, "bool"), (v) => Number(v !== 0)],
  ["isNaN", tf.isNaN, (v) => Number(Number.isNaN(v))],
];

const binary: [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, (a: number, b: number) => number][] = [
  ["maximum", tf.maximum, Math.max],
  ["minimum", tf.minimum, Math.min],
  ["greater", tf.greater, (a, b) => Number(a > b)],
  ["lessEqual", tf.lessEqual, (a, b) => Number(a <= b)],
  ["equal", tf.equal, (a, b) => Number(a === b)],
  ["notEqual", tf.notEqual, (a, b) => Number(a !== b)],
];

const positive = (values: readonly number[]) => values.map((v) => v + 0); // 0 and -0 are one here

function describeNaN(start: () => Promise<unknown>): void {
  beforeAll(start);

  it.each(unary)("%s", async (_, f, expected) => {
    const values = await compute(() => f(x()));
    values.forEach((value, i) => {
      const wanted = float(expected(numbers[i]!));
      if (Number.isFinite(wanted)) expect(value).toBeCloseTo(wanted, 6);
      else expect(value).toBe(wanted);
    });
  });

  it.each(binary)("%s, either of one shape, one a row, one row or a single one", async (_, f, expected) => {
    const pairs: [number[], number[]][] = [
      [[5, 7], [5, 7]],
      [[5, 7], [7]],
      [[5, 7], [5, 1]],
      [[5, 7], []],
      [[5, 1], [1, 7]],
    ]; // prettier-ignore
    for (const [left, right] of [...pairs, ...pairs.map(([a, b]) => [b, a] as [number[], number[]])]) {
      const [a, b] = [left, right].map((shape, i) =>
        tf.tensor([numbers, others][i]!.slice(0, tf.util.sizeFromShape(shape)), shape),
      );
      const [wide, tall] = await Promise.all(
        [a!, b!].map((each) => compute(() => tf.broadcastTo(each, [5, 7]))),
      );
      const wanted = wide!.map((value, i) => expected(value, tall![i]!));
      expect(positive(await compute(() => f(a!, b!)))).toEqual(positive(wanted));
      tf.dispose([a, b]);
    }
  });

  it.each(["max", "min"] as const)("%s of rows, columns and all, wherever NaN is", async (name) => {
    for (let at = 0; at < 40; at += 3) {
      const data = Array.from({ length: 40 }, (_, i) => (i === at ? NaN : (i * 7) % 11));
      const over = (axis?: number) => compute(() => tf[name](tf.tensor2d(data, [8, 5]), axis));
      const lost = (values: number[]) => values.flatMap((value, i) => (Number.isNaN(value) ? [i] : []));
      expect(lost(await over())).toEqual([0]);
      expect(lost(await over(0))).toEqual([at % 5]);
      expect(lost(await over(1))).toEqual([Math.floor(at / 5)]);
    }
  });

  it("argMax and argMin say where NaN is, as NumPy does", async () => {
    const rows = tf.tensor2d([1, NaN, 3, NaN, 3, 1, 2, 0, 1, NaN, NaN, NaN], [4, 3]);
    expect(await compute(() => tf.argMax(rows, 1))).toEqual([1, 0, 0, 0]);
    expect(await compute(() => tf.argMin(rows, 1))).toEqual([1, 0, 1, 0]);
    rows.dispose();
  });

  it("max and average pools", async () => {
    // NaN at row 1, column 2 of each of five channels; windows from rows 0 and 2, columns 0 and 2.
    const image = Array.from({ length: 4 * 4 * 5 }, (_, i) => (Math.floor(i / 5) === 6 ? NaN : -i));
    const pool = (f: typeof tf.maxPool) => compute(() => f(tf.tensor4d(image, [1, 4, 4, 5]), 2, 2, "valid"));
    const [largest, mean] = [await pool(tf.maxPool), await pool(tf.avgPool)];
    const row = (from: number) => Array.from({ length: 5 }, (_, c) => -(from * 5 + c) + 0);
    expect(positive(largest)).toEqual([...row(0), ...row(NaN), ...row(8), ...row(10)]);
    expect(positive(mean)).toEqual([...row(2.5), ...row(NaN), ...row(10.5), ...row(12.5)]);
  });

  it("a max pool's gradient goes to NaN, relu's is NaN there", async () => {
    const image = tf.tensor4d([1, 5, NaN, 2, 8, 7, 6, 9], [1, 2, 4, 1]);
    const pooled = tf.grad((t) => tf.maxPool(t as tf.Tensor4D, 2, 2, "valid"));
    expect(await compute(() => pooled(image, tf.tensor4d([3, 4], [1, 1, 2, 1])))).toEqual([
      0, 0, 4, 0, 3, 0, 0, 0,
    ]);
    expect(await compute(() => tf.grad((t) => tf.relu(t))(tf.tensor1d([-1, NaN, 1])))).toEqual([0, NaN, 1]);
    image.dispose();
  });

  it.each(["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu", "prelu"] as const)(
    "fused products with %s",
    async (activation) => {
      const image = tf.tensor4d([NaN, -1, 2, 9], [1, 1, 4, 1]);
      const alpha = tf.tensor1d([0.25]);
      const filter = tf.tensor4d([1], [1, 1, 1, 1]);
      const options = { strides: 1, pad: "valid", activation, preluActivationWeights: alpha, leakyreluAlpha: 0.25 } as const; // prettier-ignore
      const apply = {
        linear: (v: number) => v,
        relu: (v: number) => Math.max(0, v),
        relu6: (v: number) => Math.min(6, Math.max(0, v)),
        elu,
        sigmoid: (v: number) => 1 / (1 + Math.exp(-v)),
        leakyrelu: (v: number) => (v < 0 ? v / 4 : v),
        prelu: (v: number) => (v < 0 ? v / 4 : v),
      }[activation];
      const wanted = [NaN, -1, 2, 9].map(apply);
      for (const f of [
        () => tf.fused.conv2d({ x: image, filter, ...options }),
        () => tf.fused.depthwiseConv2d({ x: image, filter, ...options }),
        () =>
          tf.fused.matMul({
            a: tf.reshape(image, [4, 1]),
            b: tf.ones([1, 1]),
            transposeA: false,
            ...options,
          }),
      ]) {
        const values = await compute(f);
        expect(values[0]).toBeNaN();
        for (let i = 1; i < 4; i++) expect(values[i]).toBeCloseTo(wanted[i]!, 6);
      }
      tf.dispose([image, alpha, filter]);
    },
  );

  it("a convolution with dilations", async () => {
    const image = tf.tensor4d([NaN, 1, 2, 3, 4], [1, 1, 5, 1]);
    const dilated = () => tf.conv2d(image, tf.ones<tf.Rank.R4>([1, 2, 1, 1]), 1, "valid", "NHWC", 3);
    expect(await compute(dilated)).toEqual([NaN, 5]);
    image.dispose();
  });
}

describe.each(await runnableBuilds())("NaN on wasm, %s SIMD", (build) => {
  describeNaN(() => useWasm(build));
});

describe("NaN on cpu", () => {
  describeNaN(() => useBackend("cpu"));
});
