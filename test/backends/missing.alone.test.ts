import * as tf from "@tensorflow/tfjs";
import { expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";

for (const engine of ["wasm", "webgpu"]) {
  vi.doMock(`@tensorflow/tfjs-backend-${engine}`, () => {
    throw new Error(`Cannot find package '@tensorflow/tfjs-backend-${engine}'`);
  });
}

it.each([
  ["wasm", "`@tensorflow/tfjs-backend-wasm` comes with this package: run `npm install` anew, or see"],
  ["webgpu", "Run `npm install @tensorflow/tfjs-backend-webgpu`; in a page, also `import "],
] as const)(
  "says what to do when the package of %s is absent, and keeps the cause",
  async (engine, advice) => {
    await useBackend("cpu");
    const error = await useBackend(engine).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    const expected = `useBackend: expected the engine ${engine}, but it could not be loaded. ${advice}`;
    expect(error?.message).toContain(expected);
    expect(error?.cause).toBeInstanceOf(Error);
    expect(tf.getBackend()).toBe("cpu");
  },
);
