// Draws with a finished student, and nothing else of the library.
//   npx tsx examples/sample-only.ts [student.safetensors] [picture.png]
import { readFile, writeFile } from "node:fs/promises";
import { loadGenerator, useBackend } from "cfd-distill";
import { imageGrid } from "cfd-distill/data";
import { PNG } from "pngjs";

const [file = "examples/assets/models/cfd-1.safetensors", picture = "samples.png"] = process.argv.slice(2);

await useBackend("wasm");
const generator = await loadGenerator(await readFile(file));
const { classes } = generator;
const seeds = Array.from({ length: 64 }, (_, i) => i); // the same seed is the same image, in any batch
const labels = classes === undefined ? undefined : seeds.map((seed) => seed % classes); // each class in turn
const images = await generator.sample({ seeds, ...(labels && { labels }) });
const { width, height, data } = await imageGrid(images, { columns: 8, scale: 3, gap: 3 }); // RGB
const png = Object.assign(new PNG({ width, height }), { data: Buffer.from(data) });
await writeFile(picture, PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false }));
console.log(`${picture}: ${images.shape[0]} images in ${generator.steps} step(s) each`);
images.dispose();
generator.dispose();
