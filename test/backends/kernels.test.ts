import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";
import { bestBuild, loadKernels } from "../../src/backends/wasm/load-kernels.js";
import { unpack } from "../../src/backends/wasm/binaries/unpack.js";
import type { WasmBackend } from "../../src/backends/wasm/memory/heap.js";
import { runnableBuilds, useWasm } from "./builds.js";
import { draw, evaluate, examples, type Shape } from "./convolutions.js";

// The library's own convolutions: against cpu for every kind of size, and what they owe the engine's memory.

const builds = await runnableBuilds();

const shapes = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    inputs: fc.integer({ min: 1, max: 20 }),
    outputs: fc.integer({ min: 1, max: 20 }),
    size: fc.constantFrom(1, 2, 3, 5),
    stride: fc.constantFrom(1, 2, 3),
    pad: fc.constantFrom<Shape["pad"]>("same", "valid", 1, 2, [1, 0, 2, 1]),
  })
  .filter(({ pad, size, height, width }) => {
    const zeros = typeof pad === "number" ? 2 * pad : typeof pad === "string" ? 0 : 1;
    return pad === "same" || Math.min(height, width) + zeros >= size;
  });

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  const error = Math.max(0, ...actual.map((value, i) => Math.abs(value - expected[i]!)));
  expect(error).toBeLessThanOrEqual(3e-6 * scale);
}

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

it("is the relaxed one where the JavaScript engine takes it, which one instruction tells", async () => {
  const { packed } = await import("../../src/backends/wasm/binaries/relaxed.generated.js");
  const taken = WebAssembly.validate((await unpack(packed)) as BufferSource);
  expect(bestBuild()).toBe(taken ? "relaxed" : "plain");
});

it("is done without where SIMD is missing", async () => {
  vi.resetModules();
  const compile = vi
    .spyOn(WebAssembly, "compile")
    .mockRejectedValue(new WebAssembly.CompileError("no SIMD here"));
  const fresh = await import("../../src/backends/wasm/load-kernels.js");
  expect(await fresh.loadKernels(tf.backend() as unknown as WasmBackend)).toBeUndefined();
  compile.mockRestore();
});
