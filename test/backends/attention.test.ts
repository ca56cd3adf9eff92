import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng, useBackend } from "../../src/index.js";
import type { WasmBackend } from "../../src/backends/wasm/memory/heap.js";
import { attend } from "../../src/models/attention.js";

// What attention's kernels owe besides the values and gradients of fused.test.ts.

const rng = createRng(23);
type Shape = [images: number, pixels: number, channels: number];
const draw = (count: number, shape: Shape) =>
  Array.from({ length: count }, () => rng.normals(tf.util.sizeFromShape(shape)));

/** The value and the gradients of q, k and v for dy; `data` is q, k, v and dy. */
async function evaluate(data: readonly Float32Array[], shape: Shape): Promise<Float32Array[]> {
  const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
    attend(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, 0.4);
  const results = tf.tidy(() => {
    const [q, k, v, dy] = data.map((values) => tf.tensor3d(values, shape));
    return [f(q!, k!, v!), ...tf.grads(f)([q!, k!, v!], dy)];
  });
  const values = await Promise.all(results.map(async (result) => (await result.data<"float32">()).slice()));
  tf.dispose(results);
  return values;
}

describe("attention's kernels", () => {
  beforeAll(() => useBackend("wasm"));
  const shape: Shape = [3, 70, 5];

  it("compute an image alike in every batch, to the last bit", async () => {
    const data = draw(4, shape);
    const together = await evaluate(data, shape);
    const size = 70 * 5;
    for (let i = 0; i < 3; i++) {
      const part = (values: Float32Array) => values.slice(i * size, (i + 1) * size);
      expect(await evaluate(data.map(part), [1, 70, 5])).toEqual(together.map(part));
    }
  });

  it("follow the engine's memory when it grows, and leave it as it was", async () => {
    const data = draw(4, shape);
    const first = await evaluate(data, shape);
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const before = { ...tf.memory(), heap: wasm.HEAPU8.byteLength };
    for (let i = 0; i < 100; i++) await evaluate(data, shape);
    expect({ ...tf.memory(), heap: wasm.HEAPU8.byteLength }).toEqual(before);
    const large = tf.zeros([before.heap / 4]);
    expect(wasm.HEAPU8.byteLength).toBeGreaterThan(before.heap);
    expect(await evaluate(data, shape)).toEqual(first);
    large.dispose();
    expect(await evaluate(data, shape)).toEqual(first);
  });

  it("weigh exactly to a few units in the last place, whatever the scores", async () => {
    // Two keys with scores 0 and -x: the second's weight is 1 / (1 + e^x).
    const scores = [...Array.from({ length: 3001 }, (_, i) => (i - 1500) / 21), 1e-7, 3e38, -3e38, NaN];
    const pairs = (values: (x: number) => [number, number]) =>
      tf.tensor3d(scores.flatMap(values), [scores.length, 2, 1]);
    const y = tf.tidy(() => attend(pairs(() => [1, 1]), pairs((x) => [0, -x]), pairs(() => [0, 1]), 1)); // prettier-ignore
    const values = await y.data<"float32">();
    y.dispose();
    // A rounding of a score is as large as the score, and is a factor of its weight.
    scores.forEach((x, i) => {
      const exact = 1 / (1 + Math.exp(Math.fround(x)));
      if (Number.isNaN(x)) expect(values[2 * i]).toBeNaN();
      else {
        const allowed = (4e-7 + 8e-8 * Math.min(Math.abs(x), 90)) * exact + 1e-29;
        expect(Math.abs(values[2 * i]! - exact), `${x}`).toBeLessThanOrEqual(allowed);
      }
    });
  });
});

describe.each(["cpu", "wasm"] as const)("attention on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  it("keeps no weights for its gradient", () => {
    const pixels = 64;
    const [q, k, v] = draw(3, [2, pixels, 4]).map((values) => tf.tensor3d(values, [2, pixels, 4]));
    let held = 0;
    const gradients = tf.grads((a, b, c) => {
      const before = tf.memory().numBytes;
      const y = attend(a as tf.Tensor3D, b as tf.Tensor3D, c as tf.Tensor3D, 0.5);
      held = tf.memory().numBytes - before;
      return y;
    })([q!, k!, v!]);
    expect(held).toBeGreaterThanOrEqual(q!.size * 4);
    expect(held).toBeLessThan(2 * pixels * pixels * 4);
    tf.dispose([gradients, q, k, v]);
  });

  it("has the second derivatives of finite differences", async () => {
    const shape: Shape = [1, 5, 3];
    const data = draw(4, shape);
    const [q, k, v, dy] = data.map((values) => tf.tensor3d(values, shape));
    const first = (at: tf.Tensor) =>
      tf.grad((x) => attend(x as tf.Tensor3D, k!, v!, 0.7))(at, dy) as tf.Tensor3D;
    const direction = tf.tensor3d(rng.normals(15), shape);
    const second = tf.tidy(() => tf.grad((x) => tf.sum(tf.mul(first(x), direction)))(q!));
    const step = 1e-2;
    const numeric = tf.tidy(() => {
      const along = tf.mul(direction, step);
      return tf.div(tf.sub(first(tf.add(q!, along)), first(tf.sub(q!, along))), 2 * step);
    });
    const [exact, expected] = [await second.data(), await numeric.data()];
    const largest = Math.max(...Array.from(expected, Math.abs));
    exact.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(5e-3 * largest);
    });
    tf.dispose([q, k, v, dy, direction, second, numeric] as tf.Tensor[]);
  });
});
