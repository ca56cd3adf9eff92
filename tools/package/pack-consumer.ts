// What a newcomer's first file looks like; compiled and run by check-pack.ts in a project that has only the package
// alone. One student, one step of classifier-based feature distillation, on wasm.
import * as tf from "@tensorflow/tfjs";
import {
  adam,
  cfdLoss,
  cosineSchedule,
  createRng,
  noise,
  unet,
  useBackend,
  valueAndGrads,
} from "cfd-distill";
import type { Classifier, Denoiser } from "cfd-distill";
import * as node from "cfd-distill/node";

await useBackend("wasm"); // finds the engine by itself; what a bundled page writes must resolve as well
await import("cfd-distill/backends/wasm");
await import("cfd-distill/backends/cpu");
if (tf.getBackend() !== "wasm") throw new Error(`expected to run on wasm, got ${tf.getBackend()}`);
if (Object.keys(node).length === 0) throw new Error("expected cfd-distill/node to export something");

const values = Float32Array.from(createRng(1).normals(3 * 3 * 3 * 3), (value) => 0.1 * value);
const params = { filter: tf.tidy(() => tf.variable(tf.tensor4d(values, [3, 3, 3, 3]))) };
const denoiser = (filter: tf.Tensor4D): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => tf.conv2d(zt, filter, 1, "same"), { predictionType: "x0" as const });
const teacher = denoiser(params.filter.clone());
const student = denoiser(params.filter);
const classifier: Classifier = (images) => {
  const features = tf.mean<tf.Tensor2D>(tf.square(images), [1, 2]);
  return { features, logits: tf.mul<tf.Tensor2D>(features, 2) };
};
const optimiser = adam({ learningRate: 1e-3 });

const x0 = noise([1, 2], [8, 8, 3]);
const eps = noise([3, 4], [8, 8, 3]);
const { terms, grads } = valueAndGrads(
  () =>
    cfdLoss({
      student,
      teacher,
      classifier,
      schedule: cosineSchedule(),
      x0,
      eps,
      times: [0.5, 1],
      studentSteps: 4,
      temperature: 0.95,
      beta: 0.003,
    }),
  params,
);
optimiser.apply(params, grads);

const [loss] = await terms.loss.data();
const gradient = await grads.filter!.data();
if (!gradient.some((value) => value !== 0) || !gradient.every(Number.isFinite)) {
  throw new Error(`expected a finite gradient that is not zero, got ${gradient.join(" ")}`);
}
const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
const drawing = { network, params: network.init(createRng(0)), schedule: cosineSchedule(), steps: 1 };
const images = { predictionType: "x0", imageShape: [32, 32, 3] } as const;
await node.saveCheckpoint("student.safetensors", { ...drawing, ...images }); // for the command
console.log(`loss ${loss!.toFixed(6)} on ${tf.getBackend()}, cfd-distill from npm`);
