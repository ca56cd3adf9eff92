// How well models clean pictures that none of them saw, for choosing among teachers:
//   npx tsx scripts/measure-denoising.ts [--data data/cifar-10-batches-bin] MODEL.safetensors ...
// The error of x0, root mean square, by the time; of the emoji, or of CIFAR-10's first test images.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as cfd from "cfd-distill";
import { readCifar10 } from "cfd-distill/node";
import { loadEmoji } from "../examples/emoji/files.js";
import { denoisingErrors } from "../tools/denoising-errors.js";
import { markdownTable } from "../tools/markdown.js";

const TIMES = [0.05, 0.2, 0.4, 0.6, 0.8, 1];
const TEST_IMAGES = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string" }, threads: { type: "string" } },
});
await cfd.useBackend("wasm", values.threads === undefined ? {} : { threads: Number(values.threads) });
const pictures = values.data === undefined ? loadEmoji().test : await readCifar10(values.data, "test");
const table: string[][] = [];
for (const file of positionals) {
  const errors = await denoisingErrors(await readFile(file), pictures, { times: TIMES, atMost: TEST_IMAGES });
  table.push([file, ...errors.map((error) => error.toFixed(3))]);
}
console.log(markdownTable(["model", ...TIMES.map((time) => `error at t = ${time}`)], table));
