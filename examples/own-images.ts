// Your own pictures: PNG, JPEG and WebP files, in one folder or a subfolder a class. Trains a diffusion model on them.
//   npx tsx examples/own-images.ts pictures [steps] [own-images.safetensors]
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { drawBatch, imageSet } from "cfd-distill/data";
import { saveCheckpoint } from "cfd-distill/node";
import sharp from "sharp";

const [folder, steps = "20", file = "own-images.safetensors"] = process.argv.slice(2);
if (folder === undefined) throw new Error("Expected a folder: npx tsx examples/own-images.ts pictures");

await cfd.useBackend("wasm");
const SIZE = 24;
const entries = await readdir(folder, { withFileTypes: true });
const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
const classes = folders.length > 0 ? folders.sort() : ["."];
const pictures: Buffer[] = [];
const labels: number[] = [];
for (const [label, name] of classes.entries()) {
  for (const one of (await readdir(join(folder, name))).sort()) {
    if (!/\.(png|jpe?g|webp)$/i.test(one)) continue;
    const picture = sharp(join(folder, name, one))
      .autoOrient()
      .flatten({ background: "white" });
    pictures.push(await picture.resize(SIZE, SIZE, { fit: "cover" }).raw().toBuffer());
    labels.push(label);
  }
}
const train = imageSet({ images: Buffer.concat(pictures), labels, classes, shape: [SIZE, SIZE, 3] });

const rng = cfd.createRng(0);
const schedule = cfd.cosineSchedule();
const network = cfd.unet({
  channels: 16,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 8,
  timeScale: 16,
});
const params = network.init(rng);
const model = cfd.denoiser(network, params, "x0");
const optimizer = cfd.adam({ learningRate: 1e-3 });
for (let step = 1; step <= Number(steps); step++) {
  const { x0 } = drawBatch(train, rng, { batch: 8, flip: true });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const batch = { x0, eps, times: cfd.drawTimes(rng, 8, 16) };
  const { terms, grads } = cfd.valueAndGrads(
    () => cfd.denoisingLoss({ denoiser: model, schedule, ...batch }),
    params,
  );
  const clipped = cfd.clipByGlobalNorm(grads, Infinity); // which only measures
  const { loss } = await cfd.readTerms({ ...terms, norm: clipped.norm }, { step }); // before NaN gets into the weights
  optimizer.apply(params, clipped.grads);
  if (step % 10 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
  tf.dispose([x0, eps, terms, grads, clipped]);
}
await saveCheckpoint(file, {
  network,
  params,
  schedule,
  predictionType: "x0",
  steps: 16,
  imageShape: train.shape,
});
console.log(`${file}: see it with npx cfd-distill sample ${file} -o grid.png`);
