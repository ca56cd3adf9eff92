// A teacher that is no network. For a handful of pictures the best denoiser is known in closed form: the mean of the
// pictures, each weighted by how likely the noisy image came from it. A small U-Net learns to do in one step what this
// function does in two.
//   npx tsx examples/lambda-teacher.ts [steps]
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { imageBatch, imageSet } from "cfd-distill/data";
import sharp from "sharp";

const steps = Number(process.argv[2] ?? 40);
await cfd.useBackend("wasm");
const rng = cfd.createRng(0);
const schedule = cfd.cosineSchedule();

// Six emoji, cut from the picture that holds all of them in tiles of 28 x 28, 21 in a row.
const cut = (at: number) =>
  sharp("examples/assets/emoji.png")
    .extract({ left: 28 * (at % 21), top: 28 * Math.floor(at / 21), width: 28, height: 28 })
    .raw()
    .toBuffer();
const six = {
  images: Buffer.concat(await Promise.all([0, 61, 105, 191, 248, 318].map(cut))),
  labels: [0, 1, 2, 3, 4, 5],
  classes: ["face", "heart", "animal", "fruit", "car", "flag"],
  shape: [28, 28, 3],
} as const;
const { x0: pictures } = imageBatch(imageSet(six), six.labels);
const rows = tf.reshape(pictures, [6, -1]);

const bestDenoiser = (zt: tf.Tensor4D, times: cfd.Times) =>
  tf.tidy(() => {
    const alphaBar = tf.tensor2d(times.map((t) => [schedule.alphaBar(t)]));
    const noisy = tf.reshape(zt, [times.length, 1, -1]);
    const clean = tf.mul(tf.reshape(tf.sqrt(alphaBar), [-1, 1, 1]), tf.expandDims(rows, 0));
    const distances = tf.sum(tf.square(tf.sub(noisy, clean)), 2);
    const likely = tf.softmax(tf.div(tf.neg(distances), tf.mul(2, tf.sub(1, alphaBar))));
    return tf.reshape<tf.Rank.R4>(tf.matMul(likely, rows), zt.shape);
  });
const teacher: cfd.Denoiser = Object.assign(bestDenoiser, { predictionType: "x0" as const });

const network = cfd.unet({
  channels: 16,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 8,
  timeScale: 1000,
});
const params = network.init(rng);
const student = cfd.denoiser(network, params, "x0");
const optimizer = cfd.adam({ learningRate: 2e-3 });
for (let step = 1; step <= steps; step++) {
  const x0 = tf.gather(
    pictures,
    Array.from({ length: 8 }, () => rng.integer(6)),
  );
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const batch = { x0, eps, times: cfd.drawTimes(rng, 8, 4), studentSteps: 4 };
  const { terms, grads } = cfd.valueAndGrads(
    () => cfd.progressiveLoss({ student, teacher, schedule, ...batch, weighting: "x0" }),
    params,
  );
  const clipped = cfd.clipByGlobalNorm(grads, Infinity); // which only measures
  const { loss } = await cfd.readTerms({ ...terms, norm: clipped.norm }, { step }); // before NaN gets into the weights
  optimizer.apply(params, clipped.grads);
  if (step % 10 === 0) console.log(`step ${step}: loss ${loss.toFixed(4)}`);
  tf.dispose([x0, eps, terms, grads, clipped]);
}

// The teacher ends at one of its pictures; the student comes nearer with every hundred steps.
const zT = cfd.noise([1, 2, 3], [28, 28, 3]);
for (const [name, model, count] of [
  ["teacher", teacher, 8],
  ["student", student, 4],
] as const) {
  const images = await cfd.sampleDdim(model, schedule, zT, { steps: count });
  const away = tf.tidy(() =>
    tf.min(tf.mean(tf.abs(tf.sub(tf.expandDims(images, 1), tf.expandDims(pictures, 0))), [2, 3, 4]), 1),
  );
  console.log(`${name}, ${count} steps: distance to the nearest picture`, [...(await away.data())]);
  tf.dispose([images, away]);
}
