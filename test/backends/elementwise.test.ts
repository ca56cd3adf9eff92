import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";

// wasm's own sums, differences, products and reductions: every way in which two shapes fit, against numbers in float64.

const rng = createRng(5);
const operations = {
  add: [tf.add, (a: number, b: number) => a + b],
  sub: [tf.sub, (a: number, b: number) => a - b],
  mul: [tf.mul, (a: number, b: number) => a * b],
} as const;

/** Values, now and then none, or beyond all numbers. */
const draw = (shape: readonly number[]) =>
  rng.normals(tf.util.sizeFromShape([...shape])).map((x) => (x > 2 ? NaN : x < -2 ? -Infinity : x));

const lengths = fc.array(fc.constantFrom(1, 2, 3, 17), { minLength: 0, maxLength: 4 });
/** Two shapes, each with some axes of length 1, the second perhaps with fewer axes. */
const pairs = fc
  .tuple(lengths, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), fc.nat(4))
  .map(([shape, ones, fewer]) => [
    shape.map((length, i) => (ones[i]! ? 1 : length)),
    shape.map((length, i) => (ones[4 + i]! ? 1 : length)).slice(fewer),
  ]);

/** The numbers of `data` as a tensor of the larger shape repeats them. */
function repeated(data: Float32Array, shape: readonly number[], to: readonly number[]): number[] {
  const along = [...to.slice(shape.length).fill(1), ...shape];
  return Array.from({ length: tf.util.sizeFromShape([...to]) }, (_, index) => {
    let [rest, at, step] = [index, 0, 1];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      if (along[axis] !== 1) at += (rest % to[axis]!) * step;
      step *= along[axis]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return data[at]!;
  });
}

beforeAll(() => useBackend("wasm"));

describe.each(Object.entries(operations))("tf.%s", (_, [operation, expected]) => {
  it("is right to the last bit for all shapes that fit", async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async ([left, right]) => {
        const [x, y] = [draw(left!), draw(right!)];
        const out = tf.tidy(() => operation(tf.tensor(x, left), tf.tensor(y, right)));
        const shape = tf.backend_util.assertAndGetBroadcastShape(left!, right!);
        expect(out.shape).toEqual(shape);
        const [a, b] = [repeated(x, left!, shape), repeated(y, right!, shape)];
        expect(await out.data()).toEqual(Float32Array.from(a, (value, i) => expected(value, b[i]!)));
        out.dispose();
      }),
      {
        numRuns: 150,
        seed: 1,
        examples: [
          [[[4], [1, 4]]],
          [
            [
              [1, 4],
              [4, 1],
            ],
          ],
          [[[2, 4099], [4099]]],
        ],
      },
    );
  });

  it("leaves whole numbers to the engine", async () => {
    const out = tf.tidy(() => operation(tf.tensor1d([1, 2], "int32"), tf.scalar(3, "int32")));
    expect(out.dtype).toBe("int32");
    expect(Array.from(await out.data())).toEqual([expected(1, 3), expected(2, 3)]);
    out.dispose();
  });
});

describe("tf.sum and tf.mean", () => {
  const axes: [number[] | undefined, boolean][] = [
    [undefined, false],
    [[0], false],
    [[1, 2], true],
    [[0, 1], true],
    [[2], false],
    [[1], false],
    [[0, 2], true],
    [[], false],
  ];
  const shapes = [
    [3, 5, 7],
    [1, 70, 130],
    [4, 1, 1],
    [2, 3, 5000],
  ];
  it.each(shapes.flatMap((shape) => axes.map(([axis, keep]) => [shape, axis, keep] as const)))(
    "of %j over %j",
    async (shape, axis, keep) => {
      const data = rng.normals(tf.util.sizeFromShape(shape)).map((x) => x + 1);
      const results = tf.tidy(() => {
        const x = tf.tensor(data, shape);
        return [tf.sum(x, axis, keep), tf.mean(x, axis, keep)];
      });
      const summed = axis ?? shape.map((_, i) => i);
      const kept = shape.map((length, i) => (summed.includes(i) ? 1 : length));
      const exact = new Float64Array(tf.util.sizeFromShape(kept));
      const place = repeated(Float32Array.from(exact.keys()), kept, shape);
      data.forEach((value, i) => (exact[place[i]!]! += value));
      const count = data.length / exact.length;
      for (const [which, divisor] of [1, count].entries()) {
        const values = await results[which]!.data();
        expect(values).toHaveLength(exact.length);
        values.forEach((value, i) => {
          const rounding = 2e-7 * Math.abs(exact[i]!) + 1e-6 * Math.sqrt(count);
          // Over the middle, or all but the middle, the engine's own kernels sum, one by one.
          const allowed = String(axis) === "0,2" || String(axis) === "1" ? 1e-5 * count : rounding;
          expect(Math.abs(value * divisor - exact[i]!)).toBeLessThan(allowed);
        });
        expect(results[which]!.shape).toEqual(keep ? kept : shape.filter((_, i) => !summed.includes(i)));
      }
      tf.dispose(results);
    },
  );

  it("keeps NaN, and sums a million numbers to seven digits", async () => {
    const total = tf.tidy(() => tf.sum(tf.fill([1000, 1001], 0.1)));
    expect(Math.abs((await total.data())[0]! / (Math.fround(0.1) * 1_001_000) - 1)).toBeLessThan(1e-7);
    const none = tf.tidy(() => tf.sum(tf.tensor1d([1, NaN, 2])));
    expect((await none.data())[0]).toBeNaN();
    tf.dispose([total, none]);
  });
});
