import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import { expect, it } from "vitest";
import { useBackend } from "cfd-distill";

it.each(["webgl", "webgpu"] as const)("%s says what computes", async (name) => {
  const report = await useBackend(name);
  console.log(report);
  expect(tf.getBackend()).toBe(name);
  expect(report.device).toMatch(/swiftshader/i);
});
