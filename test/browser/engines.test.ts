import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import { expect, it } from "vitest";
import { adam, noise, readTerms, useBackend, valueAndGrads } from "cfd-distill";
import { wasmPaths } from "./wasm-paths.js";

it.each(["webgl", "webgpu"] as const)("%s says what computes, and never forwards to cpu", async (name) => {
  const report = await useBackend(name);
  expect(tf.getBackend()).toBe(name);
  expect(report).toMatchObject({ name, version: tf.version_core });
  expect(report.device).toMatch(/[a-z]{4}/i);
  expect(await useBackend(name)).toEqual(report);
  const { kernelNames } = await tf.profile(() => tf.tidy(() => tf.add(tf.scalar(1), 2)));
  expect(kernelNames).toEqual(["Add"]);
  expect(tf.env().getBool(name === "webgl" ? "WEBGL_CPU_FORWARD" : "WEBGPU_CPU_FORWARD")).toBe(false);
});

it("refuses webgl where it computes in float16", async () => {
  await useBackend("cpu");
  const float32 = tf.env().getBool("WEBGL_RENDER_FLOAT32_ENABLED");
  expect(float32).toBe(true);
  tf.env().set("WEBGL_RENDER_FLOAT32_ENABLED", false);
  await expect(useBackend("webgl")).rejects.toThrow(
    /^useBackend: expected WebGL that computes in float32 .*, got float16, in which nothing trains\.$/,
  );
  expect(tf.getBackend()).toBe("cpu");
  tf.env().set("WEBGL_RENDER_FLOAT32_ENABLED", true);
});

it("has webgpu refuse to be read without waiting, and gives what was read before", async () => {
  await useBackend("webgpu");
  const [x, y] = [tf.add(tf.tensor1d([1, 2]), 1), tf.mul(tf.tensor1d([1, 2]), 3)];
  expect(() => x.dataSync()).toThrow(
    /^webgpu: expected tensors that were read with `await tensor.data\(\)` before/,
  );
  await y.data();
  await useBackend("cpu");
  expect(() => tf.add(x, 1)).toThrow(/^webgpu: expected tensors that were read/);
  const sum = tf.add(y, 1);
  expect(await sum.data()).toEqual(Float32Array.of(4, 7));
  tf.dispose([x, y, sum]);
});

it("runs several engines in one page in turn, and takes tensors along", async () => {
  await useBackend("cpu");
  const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  for (const name of ["webgl", "wasm", "webgpu", "webgl", "cpu", "webgpu"] as const) {
    await useBackend(name, name === "wasm" ? { wasmPaths } : {});
    const product = tf.matMul(x, x);
    expect(await product.data(), name).toEqual(Float32Array.of(7, 10, 15, 22));
    await x.data(); // so that it can leave webgpu
    product.dispose();
  }
  x.dispose();
});

it.each(["webgl", "webgpu"] as const)("%s trains within the memory of its first steps", async (name) => {
  await useBackend(name);
  const params = { w: tf.tidy(() => tf.variable(tf.ones([3, 3, 2, 2]))) };
  const optimizer = adam({ learningRate: 1e-3 });
  const used: unknown[] = [];
  for (let step = 0; step < 12; step++) {
    const x = noise([step, step + 1], [6, 6, 2]);
    const f = () => ({
      loss: tf.mean(tf.square(tf.conv2d(x, params.w as tf.Tensor as tf.Tensor4D, 1, "same"))).asScalar(),
    });
    const { terms, grads } = valueAndGrads(f, params);
    optimizer.apply(params, grads);
    await readTerms(terms);
    tf.dispose([x, terms, grads]);
    const { numTensors, numDataBuffers, numBytesInGPU } = tf.memory() as tf.MemoryInfo & {
      numBytesInGPU: number;
    };
    used.push({ numTensors, numDataBuffers, numBytesInGPU });
  }
  expect(used[11]).toEqual(used[3]);
  optimizer.dispose();
  tf.dispose(params);
});

it("repairs an engine that somebody else has started", async () => {
  await tf.setBackend("webgl");
  tf.env().set("WEBGL_CPU_FORWARD", true);
  const { kernels } = await useBackend("webgl");
  expect(kernels.map(({ kernel }) => kernel)).toContain("ClipByValue");
  expect(tf.env().getBool("WEBGL_CPU_FORWARD")).toBe(false);
});

it.each(["webgl", "webgpu"] as const)("refuses an engine that is %s by name only", async (name) => {
  await useBackend("cpu");
  const { factory, priority } = tf.engine().registryFactory[name]!;
  tf.removeBackend(name);
  tf.registerBackend(name, () => new (class extends tf.KernelBackend {})());
  await expect(useBackend(name)).rejects.toThrow(
    new RegExp(
      `^useBackend: expected the ${name} engine of @tensorflow/tfjs.*, got another one \\(of a second copy`,
    ),
  );
  expect(tf.getBackend()).toBe("cpu");
  expect(await tf.add(1, 2).data()).toEqual(Float32Array.of(3));
  Object.assign(tf.engine().registry[name]!, { dispose: () => undefined });
  tf.removeBackend(name);
  tf.registerBackend(name, factory, priority);
  expect(await useBackend(name)).toMatchObject({ name });
});
