import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createRng, useBackend } from "../../src/index.js";
import { loadKernels } from "../../src/backends/wasm/module.js";
import type { WasmBackend } from "../../src/backends/wasm/heap.js";
import { runnableBuilds, useWasm } from "./builds.js";

// The library's own convolutions: against cpu for every kind of size, and what they owe the engine's memory.

const builds = await runnableBuilds();

const rng = createRng(11);
const normals = (shape: number[]) => rng.normals(tf.util.sizeFromShape(shape));

const shapes = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    inputs: fc.integer({ min: 1, max: 20 }),
    outputs: fc.integer({ min: 1, max: 20 }),
    size: fc.constantFrom(1, 2, 3, 5),
    stride: fc.constantFrom(1, 2, 3),
    // Or so many zeros on every side.
    pad: fc.constantFrom("same", "valid", 1, 2),
  })
  .filter(({ pad, size, height, width }) => {
    const zeros = typeof pad === "number" ? 2 * pad : 0;
    return pad === "same" || Math.min(height, width) + zeros >= size;
  });

type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

interface Values {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly dy: Float32Array;
}

const draw = ({ batch, height, width, inputs, outputs, size }: Shape): Values => ({
  x: normals([batch, height, width, inputs]),
  w: normals([size, size, inputs, outputs]),
  dy: normals([batch, height + 4, width + 4, outputs]),
});

/** A convolution's value and both gradients on the engine that runs. */
async function evaluate(values: Values, { batch, height, width, inputs, outputs, ...rest }: Shape) {
  const { size, stride, pad } = rest;
  const sides: [number, number] = [Number(pad), Number(pad)];
  const padding = typeof pad === "number" ? ([[0, 0], sides, sides, [0, 0]] as const) : pad;
  const results = tf.tidy(() => {
    const x = tf.tensor4d(values.x, [batch, height, width, inputs]);
    const w = tf.tensor4d(values.w, [size, size, inputs, outputs]);
    const convolve = (a: tf.Tensor, b: tf.Tensor) =>
      tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, padding as "same");
    const y = convolve(x, w);
    const dy = tf.tensor4d(values.dy.slice(0, y.size), y.shape);
    return [y, ...tf.grads(convolve)([x, w], dy)];
  });
  const data = await Promise.all(results.map(async (result) => (await result.data()).slice()));
  tf.dispose(results);
  return data as Float32Array[];
}

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  const error = Math.max(0, ...actual.map((value, i) => Math.abs(value - expected[i]!)));
  expect(error).toBeLessThanOrEqual(3e-6 * scale);
}

/** Sizes with full and partial tiles, blocks and panels. */
const examples: Shape[] = [
  { batch: 3, height: 1, width: 1, inputs: 9, outputs: 17, size: 3, stride: 1, pad: "same" },
  { batch: 2, height: 9, width: 7, inputs: 3, outputs: 3, size: 3, stride: 2, pad: "same" },
  { batch: 3, height: 24, width: 23, inputs: 5, outputs: 12, size: 3, stride: 1, pad: "same" },
  { batch: 3, height: 9, width: 9, inputs: 20, outputs: 8, size: 1, stride: 2, pad: "same" },
  // By Winograd's tiles: odd sizes, several and parts of images at a time, all borders.
  { batch: 3, height: 9, width: 12, inputs: 16, outputs: 20, size: 3, stride: 1, pad: "same" },
  { batch: 7, height: 10, width: 10, inputs: 20, outputs: 16, size: 3, stride: 1, pad: "valid" },
  { batch: 2, height: 23, width: 24, inputs: 16, outputs: 16, size: 3, stride: 1, pad: 2 },
  { batch: 1, height: 7, width: 40, inputs: 36, outputs: 24, size: 3, stride: 1, pad: 1 },
  // The gradient cuts off a border of dy.
  { batch: 2, height: 9, width: 9, inputs: 16, outputs: 16, size: 3, stride: 1, pad: 3 },
  { batch: 27, height: 3, width: 5, inputs: 4, outputs: 9, size: 3, stride: 2, pad: 1 },
  // Borders wider than the filter; some of the input, and all of it, met by no tap.
  { batch: 2, height: 5, width: 4, inputs: 2, outputs: 3, size: 1, stride: 3, pad: 2 },
  { batch: 2, height: 1, width: 1, inputs: 2, outputs: 3, size: 1, stride: 2, pad: 1 },
];

describe.each(builds)("the kernels for convolutions on wasm, %s SIMD", (build) => {
  it("agree with cpu, and with themselves bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const values = draw(shape);
        await useBackend("cpu");
        const expected = await evaluate(values, shape);
        await useWasm(build);
        const actual = await evaluate(values, shape);
        actual.forEach((each, i) => {
          expectClose(each, expected[i]!);
        });
        expect(await evaluate(values, shape)).toEqual(actual);
      }),
      { numRuns: 80, seed: 2, examples: examples.map((shape) => [shape]) },
    );
  });

  it("compute an image alike in every batch", async () => {
    await useWasm(build);
    for (const shape of examples) {
      const values = draw(shape);
      const [y, dx] = await evaluate(values, shape);
      for (let i = 0; i < shape.batch; i++) {
        const part = (all: Float32Array) =>
          all.slice((i * all.length) / shape.batch, ((i + 1) * all.length) / shape.batch);
        // The output's size is the first so many of dy's values.
        const one = { ...values, x: part(values.x), dy: part(values.dy.slice(0, y!.length)) };
        const [alone, gradient] = await evaluate(one, { ...shape, batch: 1 });
        expect(alone).toEqual(part(y!));
        expect(gradient).toEqual(part(dx!));
      }
    }
  });

  it("keep the engine's memory flat over 1000 calls, and follow it when it grows", async () => {
    await useWasm(build);
    const shape = examples[1]!;
    const values = draw(shape);
    const first = await evaluate(values, shape);
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const state = () => ({
      tensors: tf.memory().numTensors,
      buffers: tf.memory().numDataBuffers,
      heap: wasm.HEAPU8.byteLength,
    });
    for (let i = 0; i < 20; i++) await evaluate(values, shape);
    const before = state();
    for (let i = 0; i < 350; i++) await evaluate(values, shape); // three calls each
    expect(state()).toEqual(before);
    const large = tf.zeros([before.heap / 4]);
    expect(await evaluate(values, shape)).toEqual(first);
    expect(state().heap).toBeGreaterThan(before.heap);
    large.dispose();
    expect(await evaluate(values, shape)).toEqual(first);
  });

  it("leave dilations to the engine", async () => {
    await useWasm(build);
    const sums = tf.tidy(() =>
      tf.conv2d(tf.ones<tf.Rank.R4>([1, 5, 5, 1]), tf.ones<tf.Rank.R4>([3, 3, 1, 1]), 1, "valid", "NHWC", 2),
    );
    expect(await sums.data()).toEqual(Float32Array.of(9));
    sums.dispose();
  });
});

describe("the module of kernels", () => {
  beforeAll(() => useBackend("wasm"));

  it("is not used where it cannot be joined to the engine's memory", async () => {
    expect(await loadKernels({ wasm: {} } as WasmBackend)).toBeUndefined();
    const hidden = { asm: { memory: new WebAssembly.Memory({ initial: 0 }) } };
    expect(await loadKernels({ wasm: hidden } as unknown as WasmBackend)).toBeUndefined();
    const report = await useBackend("wasm");
    expect(report.kernels.map(({ kernel }) => kernel)).toContain("Conv2D");
    expect(report.build).toBe(builds.at(-1));
  });
});

it("is done without where SIMD is missing", async () => {
  vi.resetModules();
  const compile = vi
    .spyOn(WebAssembly, "compile")
    .mockRejectedValue(new WebAssembly.CompileError("no SIMD here"));
  const fresh = await import("../../src/backends/wasm/module.js");
  expect(await fresh.loadKernels(tf.backend() as unknown as WasmBackend)).toBeUndefined();
  compile.mockRestore();
});
