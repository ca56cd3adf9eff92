import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { expect, it } from "vitest";
import { useBackend, valueAndGrads } from "../../src/index.js";

// What was loaded, and started, besides this library.

const require = createRequire(import.meta.url);

/** tfjs-core as another package's own node_modules would bring it. */
function secondCopy(): typeof tf {
  const path = require.resolve("@tensorflow/tfjs-core");
  const first = require.cache[path];
  Reflect.deleteProperty(require.cache, path);
  const copy = require(path) as typeof tf;
  require.cache[path] = first;
  return copy;
}

it("repairs an engine that somebody else has started", async () => {
  expect(await tf.setBackend("wasm")).toBe(true);
  expect(() => tf.getKernel("Conv2DBackpropFilter", "wasm").kernelName).toThrow();
  const { kernels } = await useBackend("wasm");
  expect(kernels).toContainEqual(
    expect.objectContaining({ kernel: "Conv2DBackpropFilter", change: "added" }),
  );
});

it("shares its engine with a second copy of tfjs-core, and computes with that one's tensors", async () => {
  const other = secondCopy();
  expect(other.Tensor).not.toBe(tf.Tensor);
  expect((await useBackend("wasm")).kernels.length).toBeGreaterThan(10);
  expect(other.getBackend()).toBe("wasm");
  const x = other.tensor1d([1, 2, 3]);
  const params = { w: tf.tidy(() => tf.variable(tf.scalar(2))) };
  const { terms, grads } = valueAndGrads(() => ({ loss: tf.sum(tf.mul(x, params.w)).asScalar() }), params);
  expect(await terms.loss.data()).toEqual(Float32Array.of(12));
  expect(await grads.w!.data()).toEqual(Float32Array.of(6));
  tf.dispose([x, terms, grads, params]);
});
