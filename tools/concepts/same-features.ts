import * as tf from "@tensorflow/tfjs";
import { adam, featureDistillationLoss, noise, valueAndGrads } from "cfd-distill";
import { imageBatch, imageGrid } from "cfd-distill/data";
import { encodePng } from "cfd-distill/node";
import { figure } from "../../examples/recipe/index.js";
import { scaleOf } from "./halving.js";
import type { Shipped } from "./models.js";

const STEPS = 400;
/** The classes of the emoji that are sought. */
const SHOWN = ["face", "heart", "fruit", "flag"];

interface Row {
  readonly label: string;
  readonly note: string;
  readonly images: tf.Tensor4D;
}

/** Other pixels, same features: images are changed until the classifier takes each for the emoji on top. */
export async function drawSameFeatures({ classify, images }: Shipped): Promise<Uint8Array> {
  const first = (name: string) => images.labels.indexOf(images.classes.indexOf(name));
  const sought = imageBatch(images, SHOWN.map(first)).x0;
  const [count] = sought.shape;
  const starts: [string, tf.Tensor4D][] = [
    ["noise", tf.mul(noise(range(count), images.shape), 0.3)],
    ["another emoji", tf.reverse(sought, 0)],
  ];
  const rows: Row[] = [{ label: "Emoji", note: "whose features are sought", images: sought }];
  for (const [name, start] of starts) {
    const found = matchFeatures(classify, sought, start);
    rows.push(await compare(classify, sought, start, `Start: ${name}`));
    rows.push(await compare(classify, sought, found, `${STEPS} steps later`));
  }
  const all = tf.concat(rows.map((row) => row.images));
  const gap = 8;
  const grid = await imageGrid(all, { columns: count, scale: scaleOf(images.shape), gap });
  return encodePng(
    figure(grid, gap, {
      title: "Other pixels, the same features",
      subtitle: "The pixels are trained until the classifier's features match; no weight changes.",
      rows,
      columns: SHOWN,
    }),
  );
}

/** Changes `start` until its features are those of `sought`. The image is a tanh, so that pixels stay in [-1, 1]. */
function matchFeatures(classify: Shipped["classify"], sought: tf.Tensor4D, start: tf.Tensor4D): tf.Tensor4D {
  const params = { image: tf.variable(tf.atanh(tf.clipByValue(start, -0.99, 0.99))) };
  const optimizer = adam({ learningRate: 0.03 });
  const wanted = classify(sought).features;
  for (let step = 0; step < STEPS; step++) {
    const { terms, grads } = valueAndGrads(() => {
      const { features } = classify(tf.tanh(params.image));
      return { loss: featureDistillationLoss(features, wanted, { temperature: 1 }) };
    }, params);
    optimizer.apply(params, grads);
    tf.dispose([terms, grads]);
  }
  optimizer.dispose();
  return tf.tanh(params.image);
}

/** A row with its distance: mean absolute difference of pixels in [-1, 1], and feature loss at temperature 1 in nats. */
async function compare(
  classify: Shipped["classify"],
  sought: tf.Tensor4D,
  images: tf.Tensor4D,
  label: string,
): Promise<Row> {
  const pixels = await tf.mean(tf.abs(tf.sub(images, sought))).data();
  const loss = featureDistillationLoss(classify(images).features, classify(sought).features, {
    temperature: 1,
  });
  const features = await loss.data();
  const note = `pixels ${pixels[0]!.toFixed(2)} off, feature loss ${features[0]!.toPrecision(2)}`;
  return { label, note, images };
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
