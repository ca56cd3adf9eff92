import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { expect, it, vi } from "vitest";
import { useBackend, type BackendName } from "../../src/index.js";

it("refuses an engine that nobody knows", async () => {
  await expect(useBackend("vulkan" as BackendName)).rejects.toThrow(
    /useBackend: expected one of cpu, wasm, .*, got vulkan/,
  );
});

it("reports what it repaired on cpu", async () => {
  const report = await useBackend("cpu");
  expect(tf.getBackend()).toBe("cpu");
  expect(report).toMatchObject({ name: "cpu", version: tf.version_core, tfjs: tf.version_core });
  expect(report.kernels).toContainEqual({
    kernel: "Conv2DBackpropFilter",
    change: "replaced",
    why: expect.stringMatching(/stock kernel/) as string,
  });
});

it("switches to and fro, repairs once, and takes tensors along", async () => {
  const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
  const log = vi.spyOn(console, "warn");
  const first = await useBackend("wasm");
  const installed = tf.getKernel("Conv2DBackpropFilter", "wasm").kernelFunc;
  for (let i = 0; i < 3; i++) {
    await useBackend("cpu");
    const again = await useBackend("wasm");
    expect(again).toEqual(first);
    expect(tf.getKernel("Conv2DBackpropFilter", "wasm").kernelFunc).toBe(installed);
    expect(await tf.sum(x).data()).toEqual(Float32Array.of(10));
  }
  expect(log).not.toHaveBeenCalled(); // TensorFlow.js warns of a kernel registered twice
  expect(first.kernels.map(({ kernel, change }) => `${change} ${kernel}`)).toContain(
    "added UnsortedSegmentSum",
  );
  await expect(useBackend("wasm", { wasmPaths: "/elsewhere/" })).rejects.toThrow(
    /useBackend: expected wasmPaths before wasm first starts, got \/elsewhere\//,
  );
  x.dispose();
});

it("repairs the gradient of resizeNearestNeighbor on cpu", async () => {
  await useBackend("cpu");
  const resize = (size: [number, number], alignCorners = false) =>
    tf.grad((x) => {
      const y = tf.image.resizeNearestNeighbor(x as tf.Tensor4D, size, alignCorners);
      return tf.sum(tf.mul(y, tf.reshape(tf.range(1, y.size + 1), y.shape)));
    })(tf.ones([2, 2, 2, 1]));
  // Each pixel was copied to a 2x2 square: 1+2+5+6 and so on.
  expect(await resize([4, 4]).data()).toEqual(Float32Array.of(14, 22, 46, 54, 78, 86, 110, 118));
  // To one pixel: the first pixel of each image.
  expect(await resize([1, 1]).data()).toEqual(Float32Array.of(1, 0, 0, 0, 2, 0, 0, 0));
  expect(await resize([3, 2], true).data()).toEqual(
    Float32Array.of(1, 2, 3 + 5, 4 + 6, 7, 8, 9 + 11, 10 + 12),
  );
});
