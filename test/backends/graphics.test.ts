import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";

// What can be told without a graphics card: why the engines that need one do not start. They run in test/browser.

beforeEach(() => useBackend("cpu"));
afterEach(() => {
  vi.unstubAllGlobals();
  expect(tf.getBackend()).toBe("cpu");
});

it("says that webgl needs a browser", async () => {
  await expect(useBackend("webgl")).rejects.toThrow(
    /^useBackend: expected a page, or a worker that has OffscreenCanvas, .* got neither\.$/,
  );
});

it("says how to get WebGPU, in a page and in Node", async () => {
  vi.stubGlobal("navigator", {});
  await expect(useBackend("webgpu")).rejects.toThrow(
    /expected navigator\.gpu.*secure context.*npm install webgpu/,
  );
});

it("says that WebGPU came too late", async () => {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: () => Promise.resolve(null) } });
  await expect(useBackend("webgpu")).rejects.toThrow(
    /expected navigator\.gpu before @tensorflow\/tfjs-backend-webgpu is first imported, got it afterwards/,
  );
});

it("asks for a driver where there is no adapter", async () => {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: () => Promise.resolve(null) } });
  tf.registerBackend("webgpu", () => Promise.reject(new Error("not reached")));
  await expect(useBackend("webgpu")).rejects.toThrow(/expected an adapter of WebGPU, .*Vulkan.* got none/);
  tf.removeBackend("webgpu");
});
