import * as tf from "../../tfjs.js";
import { fail } from "../../check.js";
import { loadGenerator, useBackend, type Generator } from "../../index.js";
import { imageGrid } from "../../data/index.js";
import { otherThanSafetensors } from "../../formats/bytes.js";
import { encodePng, writeFileAtomic } from "../../node/index.js";
import { readNamed } from "../../node/read-whole.js";
import { reason } from "../explain.js";
import { printable } from "../printable.js";
import { checkOutput } from "./output.js";
import { count, plan, type Drawing, type Plan } from "./plan.js";

/** Draws and writes the picture; what it did, in one line. */
export async function draw(drawing: Drawing, onProgress: (text: string) => void): Promise<string> {
  const { checkpoint, output, engine, seeds } = drawing;
  await checkOutput(output, drawing);
  tf.enableProdMode(); // else cpu greets every process with an advertisement
  await useBackend(engine);
  const generator = await load(checkpoint);
  try {
    const planned = plan(generator, drawing);
    const start = performance.now();
    const images = await drawAll(generator, drawing, planned, onProgress);
    const picture = await imageGrid(images, planned.layout).finally(() => {
      images.dispose();
    });
    const seconds = (performance.now() - start) / 1000;
    await writeFileAtomic(output, encodePng(picture));
    const [height, width] = generator.imageShape;
    const what = `${count(seeds.length, "image")} of ${width}x${height} in ${count(planned.steps, "step")}`;
    return `${printable(output)}: ${what} on ${engine}, ${((1000 * seconds) / seeds.length).toFixed(0)} ms each`;
  } finally {
    generator.dispose();
  }
}

async function load(path: string): Promise<Generator> {
  const bytes = await readNamed(path, "sample");
  const expected = `a checkpoint of a diffusion model at ${path}`;
  const other = otherThanSafetensors(bytes);
  if (other !== undefined) fail("sample", expected, other);
  return loadGenerator(bytes).catch((error: unknown) => fail("sample", expected, reason(error)));
}

/** All images, batch after batch. */
async function drawAll(
  generator: Generator,
  { seeds, batch }: Drawing,
  { steps, labels }: Plan,
  onProgress: (text: string) => void,
): Promise<tf.Tensor4D> {
  const parts: tf.Tensor4D[] = [];
  try {
    for (let first = 0; first < seeds.length; first += batch) {
      const end = Math.min(first + batch, seeds.length);
      const onStep = ({ index }: { readonly index: number }) => {
        onProgress(`images ${first + 1} to ${end} of ${seeds.length}, step ${index + 1} of ${steps}`);
      };
      const own = labels && { labels: labels.slice(first, end) };
      parts.push(await generator.sample({ seeds: seeds.slice(first, end), steps, onStep, ...own }));
    }
    return tf.concat(parts, 0);
  } finally {
    tf.dispose(parts);
    onProgress("");
  }
}
