import { readFile } from "node:fs/promises";
import { expect, it, vi } from "vitest";
import { loadGenerator, useBackend } from "../../src/index.js";

// What a page has: TensorFlow.js's core, which has no engine of its own.
vi.mock("../../src/tfjs.js", () => import("../../src/tfjs-page.js"));

it("says what to call where a page has chosen no engine", async () => {
  const bytes = await readFile("examples/assets/models/cfd-1.safetensors");
  const message = 'loadGenerator: expected an engine (call `await useBackend("wasm")` first), got none.';
  await expect(loadGenerator(bytes)).rejects.toThrow(message);
  await expect(loadGenerator(new Blob([bytes]))).rejects.toThrow(message);
  await useBackend("wasm", { threads: 1 });
  const generator = await loadGenerator(bytes);
  const images = await generator.sample({ seeds: [1], labels: [0] });
  expect(images.shape).toEqual([1, 28, 28, 3]);
  images.dispose();
  generator.dispose();
});
