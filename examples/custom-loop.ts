// A training loop of your own: distils a 4-step teacher into a 2-step student by CFD. Runs in seconds.
//   npx tsx examples/custom-loop.ts
// The teacher and the classifier are untrained here, so there is nothing worth learning: put yours in their place.
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  cfdLoss,
  classifier,
  clipByGlobalNorm,
  cloneParams,
  cosineSchedule,
  createRng,
  denoiser,
  drawTimes,
  noise,
  readTerms,
  resnet,
  sampleDdim,
  unet,
  useBackend,
  valueAndGrads,
} from "cfd-distill";
import "cfd-distill/backends/wasm";

await useBackend("wasm");
const rng = createRng(0);
const schedule = cosineSchedule();
const network = unet({
  channels: 8,
  multipliers: [1, 2],
  attention: [1],
  blocks: 1,
  groups: 4,
  timeScale: 4,
});
const teacherParams = network.init(rng.fork("teacher"));
const resNet = resnet({ blocks: [1, 1], width: 8, classes: 10 });
const resNetParams = resNet.init(rng.fork("classifier"));
const images = noise([1, 2, 3, 4, 5, 6, 7, 8], [16, 16, 3]); // stands for your pictures, in [-1, 1]
const x0 = tf.clipByValue(images, -1, 1);

// The loop: ten lines.
const params = cloneParams(teacherParams);
const [teacher, student] = [denoiser(network, teacherParams, "x0"), denoiser(network, params, "x0")];
const models = { student, teacher, classifier: classifier(resNet, resNetParams), schedule, studentSteps: 2 };
const optimizer = adam({ learningRate: 1e-3 });
for (let step = 0; step < 10; step++) {
  const times = drawTimes(rng, 8, 2);
  const eps = tf.tensor4d(rng.normals(x0.size), x0.shape);
  const { terms, grads } = valueAndGrads(
    () => cfdLoss({ ...models, x0, eps, times, temperature: 0.9 }),
    params,
  );
  const clipped = clipByGlobalNorm(grads, 1);
  const { loss } = await readTerms({ ...terms, norm: clipped.norm }, { step }); // before NaN gets into the weights
  optimizer.apply(params, clipped.grads);
  console.log(step, loss);
  tf.dispose([eps, terms, grads, clipped]);
}

const zT = noise([100, 101], [16, 16, 3]);
const samples = await sampleDdim(student, schedule, zT, { steps: 2 });
console.log("samples", samples.shape);
