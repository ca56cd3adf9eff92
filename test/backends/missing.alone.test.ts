import * as tf from "@tensorflow/tfjs";
import { expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";

vi.mock("@tensorflow/tfjs-backend-wasm", () => {
  throw new Error("Cannot find package '@tensorflow/tfjs-backend-wasm'");
});

it("says what to install when the engine's package is absent, and keeps the cause", async () => {
  await useBackend("cpu");
  const error = await useBackend("wasm").then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  expect(error?.message).toMatch(/npm install @tensorflow\/tfjs-backend-wasm/);
  expect(error?.message).toMatch(/import "cfd-distill\/backends\/wasm"/);
  expect(error?.cause).toBeInstanceOf(Error);
  expect(tf.getBackend()).toBe("cpu");
});
