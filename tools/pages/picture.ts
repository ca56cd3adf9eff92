// The picture that a page is to show.
import { readFile } from "node:fs/promises";
import { loadGenerator, useBackend } from "cfd-distill";

/** What a student draws, from this library in Node: numbers in [-1, 1]. */
export async function drawnByNode(student: string, seed: number, label: number): Promise<Float32Array> {
  await useBackend("wasm");
  const generator = await loadGenerator(await readFile(student));
  const images = await generator.sample({ seeds: [seed], labels: [label] });
  generator.dispose();
  return images.data<"float32">();
}

/** Whether a canvas, whose RGBA this is, shows it; a page's rounding to bytes is its own. */
export function shows(rgba: readonly number[], wanted: Float32Array): boolean {
  const rgb = rgba.filter((_, i) => i % 4 !== 3);
  return wanted.every((value, i) => Math.abs(127.5 + 127.5 * value - (rgb[i] ?? NaN)) < 0.7);
}
