// CFD with a classifier of your own: any tf.LayersModel with features, here a small one that is trained on the spot.
//   npx tsx examples/layers-classifier.ts
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { fromLayersModel } from "cfd-distill/adapters";
import { drawBatch, imageSet, type ImageSet } from "cfd-distill/data";
import { loadCheckpoint } from "cfd-distill/node";
import sharp from "sharp";

const ASSETS = "examples/assets";

await cfd.useBackend("wasm");
const rng = cfd.createRng(0);
const train = await loadEmoji();

// Yours may come from tf.loadLayersModel(url). `features` names the layer whose output is compared.
const model = tf.sequential();
model.add(
  tf.layers.conv2d({ inputShape: [28, 28, 3], filters: 16, kernelSize: 3, strides: 2, activation: "relu" }),
);
model.add(tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, activation: "relu" }));
model.add(tf.layers.globalAveragePooling2d({ name: "features" }));
model.add(tf.layers.dense({ units: train.classes.length, name: "logits" }));
const crossEntropy = (labels: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, logits);
model.compile({ optimizer: tf.train.adam(1e-2), loss: crossEntropy, metrics: ["accuracy"] });
for (let step = 1; step <= 30; step++) {
  const { x0, labels } = drawBatch(train, rng, { batch: 32, flip: true });
  const oneHot = tf.oneHot([...labels], train.classes.length);
  const [loss, accuracy] = (await model.trainOnBatch(x0, oneHot)) as number[];
  if (step % 10 === 0)
    console.log(`classifier, step ${step}: loss ${loss!.toFixed(2)}, right ${accuracy!.toFixed(2)}`);
  tf.dispose([x0, oneHot]);
}
const classify = fromLayersModel(model, { logits: "logits", features: "features" });

const pd2 = await loadCheckpoint(join(ASSETS, "models/pd-2.safetensors"));
const params = cfd.cloneParams(pd2.params);
const teacher = cfd.denoiser(pd2.network, pd2.params, pd2.predictionType);
const student = cfd.denoiser(pd2.network, params, pd2.predictionType);
const optimizer = cfd.adam({ learningRate: 1e-4 });
for (let step = 1; step <= 10; step++) {
  const { x0, labels } = drawBatch(train, rng, { batch: 8 });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const batch = { x0, eps, labels, times: cfd.drawTimes(rng, 8, 1), studentSteps: 1 };
  const models = { student, teacher, classifier: classify, schedule: pd2.schedule };
  const { terms, grads } = cfd.valueAndGrads(
    () => cfd.cfdLoss({ ...models, ...batch, temperature: 0.9, beta: 0.003, gamma: 0.75 }),
    params,
  );
  const clipped = cfd.clipByGlobalNorm(grads, Infinity); // which only measures
  const numbers = await cfd.readTerms({ ...terms, norm: clipped.norm }, { step }); // before NaN gets into the weights
  optimizer.apply(params, clipped.grads);
  console.log(`student, step ${step}:`, numbers);
  tf.dispose([x0, eps, terms, grads, clipped]);
}

/** The emoji that the shipped models were trained on, cut from one picture of them all. */
async function loadEmoji(): Promise<ImageSet> {
  const { tile, columns, classes } = JSON.parse(await readFile(join(ASSETS, "emoji.json"), "utf8")) as {
    readonly tile: number;
    readonly columns: number;
    readonly classes: readonly { name: string; count: number }[];
  };
  const tiles = classes
    .flatMap(({ count }, label) => Array<number>(count).fill(label))
    .map((label, at) => ({ label, left: tile * (at % columns), top: tile * Math.floor(at / columns) }))
    .filter((_, i) => i % 10 !== 9); // the tenths are for testing
  const { data, info } = await sharp(join(ASSETS, "emoji.png")).raw().toBuffer({ resolveWithObject: true });
  const cut = tiles.map(({ left, top }) =>
    sharp(data, { raw: info }).extract({ left, top, width: tile, height: tile }).raw().toBuffer(),
  );
  return imageSet({
    images: Buffer.concat(await Promise.all(cut)),
    labels: tiles.map(({ label }) => label),
    classes: classes.map(({ name }) => name),
    shape: [tile, tile, 3],
  });
}
