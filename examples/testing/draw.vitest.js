// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadGenerator, useBackend } from "cfd-distill";

it("draws the same picture from the same seed", async () => {
  await useBackend("wasm");
  const student = "node_modules/cfd-distill/examples/assets/models/cfd-1.safetensors";
  const generator = await loadGenerator(await readFile(student));
  const images = await generator.sample({ seeds: [7] });
  expect((await images.data())[0]).toBeCloseTo(0.968, 2);
  images.dispose();
  generator.dispose();
});
