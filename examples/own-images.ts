// Your own pictures: PNG, JPEG and WebP files, a subfolder a class. Trains a diffusion model on them.
//   npx tsx examples/own-images.ts pictures [steps] [own-images.safetensors]
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { drawBatch } from "cfd-distill/data";
import { saveCheckpoint } from "cfd-distill/node";
import { loadFolder } from "./recipe/datasets/folder.js";

const [folder, steps = "20", file = "own-images.safetensors"] = process.argv.slice(2);
if (folder === undefined) throw new Error("Expected a folder: npx tsx examples/own-images.ts pictures");

await cfd.useBackend("wasm");
const { train } = await loadFolder(folder, { size: 24 });
const rng = cfd.createRng(0);
const schedule = cfd.discreteCosineSchedule(16);
const network = cfd.unet({
  channels: 16,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 8,
  timeScale: 16,
});
const params = network.init(rng);
const denoiser = cfd.denoiser(network, params, "x0");
const optimizer = cfd.adam({ learningRate: 1e-3 });
for (let step = 1; step <= Number(steps); step++) {
  const { x0 } = drawBatch(train, rng, { batch: 8, flip: true });
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const batch = { x0, eps, times: cfd.drawTimes(rng, 8, 16, { first: 0 }) };
  const { terms, grads } = cfd.valueAndGrads(
    () => cfd.denoisingLoss({ denoiser, schedule, ...batch }),
    params,
  );
  const clipped = cfd.clipByGlobalNorm(grads, Infinity); // which only measures
  const { loss } = await cfd.readTerms({ ...terms, norm: clipped.norm }, { step }); // before NaN gets into the weights
  optimizer.apply(params, clipped.grads);
  if (step % 10 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
  tf.dispose([x0, eps, terms, grads, clipped]);
}
const model = {
  network,
  params,
  schedule,
  predictionType: "x0",
  steps: 16,
  imageShape: train.shape,
} as const;
await saveCheckpoint(file, model);
console.log(`${file}: see it with npx cfd-distill sample ${file} -o grid.png`);
