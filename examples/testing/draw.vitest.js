// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadGenerator, useBackend } from "cfd-distill";

it("draws the same picture from the same seed", async () => {
  await useBackend("wasm");
  const student = "node_modules/cfd-distill/examples/assets/models/cfd-1.safetensors";
  const generator = await loadGenerator(await readFile(student));
  const images = await generator.sample({ seeds: [7], labels: [1] }); // a heart
  expect((await images.data())[1219]).toBeCloseTo(0.283, 2); // the green in its middle
  images.dispose();
  generator.dispose();
});
