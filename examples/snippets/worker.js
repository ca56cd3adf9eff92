// Draws on the canvas that the page hands over; the page stays free meanwhile.
import { loadGenerator, useBackend } from "cfd-distill";

let student; // loaded once
const load = async () => {
  const { name, threads } = await useBackend("wasm");
  return {
    generator: await loadGenerator("/student.safetensors"),
    computes: `${name} in ${threads} threads`,
  };
};
let canvas;

self.onmessage = async ({ data }) => {
  try {
    canvas ??= data.canvas;
    const { generator, computes } = await (student ??= load());
    await generator.draw(canvas, { seed: data.seed, labels: [0] });
    self.postMessage({ drawn: data.seed, computes });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
