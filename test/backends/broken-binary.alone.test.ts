import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { expect, it, vi } from "vitest";
import { useBackend } from "cfd-distill";

// In a process of its own: after a failed start TensorFlow.js takes no other paths.
it("half a binary is an error, neither a hang nor threads", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const folder = await mkdtemp(join(tmpdir(), "broken-"));
  const { resolve } = createRequire(import.meta.url);
  const whole = await readFile(resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"));
  await writeFile(join(folder, "tfjs-backend-wasm-simd.wasm"), whole.subarray(0, whole.length >> 1));
  await useBackend("cpu");
  await expect(useBackend("wasm", { wasmPaths: `${folder}/` })).rejects.toThrow(
    /useBackend: expected wasm to start, got a failure/,
  );
  expect(tf.getBackend()).toBe("cpu");
  await rm(folder, { recursive: true });
});
