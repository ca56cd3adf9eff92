// Begins a distillation here, continues it in PyTorch with DistributedDataParallel, and comes back. See docs/scale.md.
//   pip install torch safetensors && npx tsx examples/scale/scale.ts
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import * as cfd from "cfd-distill";
import { drawBatch } from "cfd-distill/data";
import {
  type StateDict,
  type StoredTensor,
  encodeSafetensors,
  readTorchCheckpoint,
  unetFromTorch,
  unetToTorch,
} from "cfd-distill/formats";
import { loadCheckpoint } from "cfd-distill/node";
import { EMOJI_MODELS, loadEmoji } from "../emoji/files.js";

const HERE = 20; // steps in this process
const TOTAL = 60; // the rest is PyTorch's
const PROCESSES = 2;
const folder = process.argv[2] ?? "runs/scale";

await cfd.useBackend("wasm");
mkdirSync(folder, { recursive: true });
const {
  network,
  params: teacherParams,
  schedule,
  predictionType,
} = await loadCheckpoint(fileURLToPath(new URL("pd-2.safetensors", EMOJI_MODELS)));
const plan = {
  network: network.config,
  schedule: schedule.config.type,
  predictionType,
  studentSteps: 1,
  batch: 16,
  rate: 1e-4,
  weighting: "x0",
  seed: 0,
  done: HERE,
  total: TOTAL,
} as const;
const { train } = loadEmoji();
const params = cfd.cloneParams(teacherParams);
const teacher = cfd.denoiser(network, teacherParams, predictionType);
const student = cfd.denoiser(network, params, predictionType);
const rng = cfd.createRng(plan.seed);

/** The progressive loss of a batch, all of it drawn from `stream`. */
function lossOf(stream: cfd.Rng, batch: number, model: cfd.Denoiser): cfd.LossTerms {
  const { x0, labels } = drawBatch(train, stream, { batch });
  const eps = tf.tensor4d(stream.normals(x0.size), x0.shape);
  const times = cfd.drawTimes(stream, batch, plan.studentSteps);
  const { studentSteps, weighting } = plan;
  return cfd.progressiveLoss({
    student: model,
    teacher,
    schedule,
    x0,
    eps,
    times,
    labels,
    studentSteps,
    weighting,
  });
}

/** The loss on 64 samples that are always the same. */
async function measured(model: cfd.Denoiser): Promise<number> {
  const terms = tf.tidy(() => lossOf(cfd.createRng(1), 64, model));
  const { loss } = await cfd.readTerms(terms);
  tf.dispose(terms);
  return loss!;
}

const before = await measured(student);
const optimizer = cfd.adam({ learningRate: cfd.cosineAnnealing({ rate: plan.rate, steps: TOTAL }) });
for (let step = 0; step < HERE; step++) {
  const { terms, grads } = cfd.valueAndGrads(() => lossOf(rng.fork(step), plan.batch, student), params);
  const clipped = cfd.clipByGlobalNorm(grads, 1);
  await cfd.readTerms({ ...terms, norm: clipped.norm }, { step });
  optimizer.apply(params, clipped.grads);
  tf.dispose([terms, grads, clipped]);
}
const here = await measured(student);

// Out: weights, moments, pictures and noise, in PyTorch's names and layouts.
const write = (name: string, tensors: StateDict) => {
  writeFileSync(join(folder, `${name}.safetensors`), encodeSafetensors(tensors));
};
write("teacher", await unetToTorch(network, teacherParams));
write("student", await unetToTorch(network, params));
write("adam", await momentsToTorch());
const [height, width, channels] = train.shape;
const channelsFirst = tf.tidy(() => {
  const pixels = tf.tensor4d(Float32Array.from(train.images), [train.labels.length, height, width, channels]);
  return tf.transpose(pixels, [0, 3, 1, 2]);
});
write("images", {
  images: { dtype: "U8", shape: channelsFirst.shape, data: Uint8Array.from(await channelsFirst.data()) },
  labels: { dtype: "U8", shape: [train.labels.length], data: Uint8Array.from(train.labels) },
});
const seeds = [1, 2, 3, 4];
const zT = cfd.noise(seeds, train.shape);
const input = tf.transpose(zT, [0, 3, 1, 2]);
write("noise", {
  noise: { dtype: "F32", shape: input.shape, data: Float32Array.from(await input.data<"float32">()) },
  labels: { dtype: "U8", shape: [seeds.length], data: Uint8Array.from(seeds) },
});
writeFileSync(join(folder, "plan.json"), JSON.stringify(plan, null, 2));

const script = fileURLToPath(new URL("continue.py", import.meta.url));
const torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", String(PROCESSES)];
execFileSync(process.env.PYTHON ?? "python3", [...torchrun, script, folder], {
  stdio: "inherit",
  env: { ...process.env, OMP_NUM_THREADS: "1" },
});

// Back: a checkpoint that PyTorch wrote, with the images that it drew from the same noise.
const checkpoint = readTorchCheckpoint(readFileSync(join(folder, "student.pt"))) as {
  readonly net_model: StateDict;
  readonly images: StoredTensor;
};
const { groups } = network.config; // which no weight tells
const back = unetFromTorch(checkpoint.net_model, { groups });
const returned = cfd.denoiser(back.network, back.params, predictionType);
const images = await cfd.sampleDdim(returned, schedule, zT, { steps: plan.studentSteps, labels: seeds });
const difference = tf.tidy(() => {
  const { data, shape } = checkpoint.images;
  const theirs = tf.tensor4d(data as Float32Array, shape as [number, number, number, number]);
  return tf.max(tf.abs(tf.sub(tf.transpose(images, [0, 3, 1, 2]), theirs)));
});
const after = await measured(returned);
console.log(
  `loss on the same 64 samples: ${before.toFixed(5)} before, ${here.toFixed(5)} after ${HERE} steps here,`,
);
console.log(`${after.toFixed(5)} after ${TOTAL - HERE} steps in ${PROCESSES} processes of PyTorch`);
console.log(
  `largest difference of an image from the same noise: ${(await difference.data())[0]!.toExponential(1)}`,
);
tf.dispose([params, teacherParams, back.params, zT, input, channelsFirst, images, difference]);
optimizer.dispose();

/** Adam's moments by PyTorch's names, each slot laid out as the weights are. */
async function momentsToTorch(): Promise<StateDict> {
  const { slots } = await optimizer.state();
  const entries = Object.entries(slots).map(async ([slot, moments]) => {
    const tensors = Object.fromEntries(
      Object.entries(moments).map(([name, { shape, data }]) => [
        name,
        tf.tensor(data as Float32Array, [...shape]),
      ]),
    );
    const turned = await unetToTorch(network, tensors);
    tf.dispose(tensors);
    return Object.entries(turned).map(([name, tensor]) => [`${slot}.${name}`, tensor] as const);
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}
