// Draws the strips of the site's first page with the demo's models, from the same noise: npm run docs:pictures
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadGenerator, useBackend } from "cfd-distill";
import { imageGrid } from "cfd-distill/data";
import { encodePng } from "cfd-distill/node";
import { readManifest } from "../examples/emoji/files.js";
import { root } from "../tools/run.js";

const strips = [
  { name: "teacher-64", model: "teacher", steps: 64 },
  { name: "teacher-1", model: "teacher", steps: 1 },
  { name: "cfd-1", model: "cfd-1", steps: 1 },
];
const kinds = ["face", "heart", "hand", "animal", "fruit", "cake", "car", "ball", "clock", "flag"];

await useBackend("wasm");
const { classes } = readManifest();
const labels = kinds.map((kind) => classes.indexOf(kind));
const seeds = labels.map((_, column) => column + 11);
for (const { name, model, steps } of strips) {
  const generator = await loadGenerator(
    await readFile(join(root, `examples/assets/models/${model}.safetensors`)),
  );
  const images = await generator.sample({ seeds, labels, steps });
  const grid = await imageGrid(images, { columns: seeds.length, scale: 2 });
  await writeFile(join(root, `tools/site/${name}.png`), encodePng(grid));
  images.dispose();
  generator.dispose();
}
