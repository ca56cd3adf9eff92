import { loadGenerator, useBackend } from "cfd-distill";

export async function show(canvas, seed) {
  await useBackend("wasm");
  const generator = await loadGenerator("student.safetensors");
  await generator.draw(canvas, { seed });
  return generator;
}
