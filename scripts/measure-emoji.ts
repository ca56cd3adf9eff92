// How good the emoji of models are, ten of each class:
//   npx tsx scripts/measure-emoji.ts [--steps N] [--classifier FILE] MODEL.safetensors ...
// The share of white pixels at the edge over that of the training pictures; the median distance to the nearest training
// picture, mirrored or not (of pictures that no model saw in the first row: near them is drawn, far below is remembered);
// and the share that a classifier, best one nobody was trained with, takes for what was asked for.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import {
  classifier,
  type ClassifierNetwork,
  decodeNetworkCheckpoint,
  disposeParams,
  loadGenerator,
  useBackend,
} from "cfd-distill";
import { imageBatch, type ImageSet } from "cfd-distill/data";
import { median } from "../bench/timing.js";
import { loadEmoji } from "../examples/emoji/files.js";
import { nearestDistances, whiteShare, withMirrored, type Pictures } from "../tools/emoji/measures.js";
import { markdownTable } from "../tools/markdown.js";

const EACH = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: "string" }, classifier: { type: "string" }, threads: { type: "string" } },
});
await useBackend("wasm", values.threads === undefined ? {} : { threads: Number(values.threads) });
const { train, test } = loadEmoji();
const labels = train.classes.flatMap((_, label) => Array<number>(EACH).fill(label));
const learned = withMirrored(await picturesOf(train));
const learnedWhite = whiteShare(learned);
const near = (pictures: Pictures) => median(nearestDistances(pictures, learned)).toFixed(3);
const judge =
  values.classifier === undefined ? undefined : decodeNetworkCheckpoint(await readFile(values.classifier));
if (
  judge &&
  (judge.network.config.type === "unet" || judge.network.config.classes !== train.classes.length)
) {
  throw new Error(
    `${values.classifier!}: expected a classifier of the emoji's ${train.classes.length} classes.`,
  );
}

/** All of a set. */
async function picturesOf(set: ImageSet): Promise<Pictures> {
  const { x0 } = imageBatch(set, [...set.labels.keys()]);
  const values = (await x0.data()) as Float32Array;
  x0.dispose();
  return { values, shape: set.shape };
}

/** The share of images in which the classifier sees what was asked for. */
async function named(images: tf.Tensor4D): Promise<string> {
  if (judge === undefined) return "";
  const seen = tf.tidy(() =>
    tf.argMax(classifier(judge.network as ClassifierNetwork, judge.params)(images).logits, 1),
  );
  const right = (await seen.data()).filter((label, i) => label === labels[i]).length;
  seen.dispose();
  return (right / labels.length).toFixed(2);
}

const table = [["pictures that no model saw", "", near(await picturesOf(test)), ""]];
for (const file of positionals) {
  const generator = await loadGenerator(await readFile(file));
  if (generator.imageShape.join() !== train.shape.join() || generator.classes !== train.classes.length) {
    const [wanted, got] = [train.shape, generator.imageShape].map((shape) => shape.join("x"));
    throw new Error(
      `${file}: expected a model of ${wanted} images of ${train.classes.length} classes, got ${got} of ${generator.classes ?? "no"}.`,
    );
  }
  const steps = Number(values.steps ?? generator.steps);
  const images = await generator.sample({ seeds: [...labels.keys()], labels, steps });
  const drawn = { values: (await images.data()) as Float32Array, shape: train.shape };
  const white = (whiteShare(drawn) / learnedWhite).toFixed(3);
  table.push([`${file}, ${steps} steps`, white, near(drawn), await named(images)]);
  images.dispose();
  generator.dispose();
}
if (judge) disposeParams(judge.params);
console.log(markdownTable(["model", "white edge", "nearest", "named right"], table));
