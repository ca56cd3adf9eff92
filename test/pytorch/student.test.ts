import { readFile, writeFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { denoiser, denoisingLoss, disposeParams, noise, sampleDdim, valueAndGrads } from "../../src/index.js";
import {
  readTorchCheckpoint,
  unetToTorch,
  type StateDict,
  type TorchValue,
} from "../../src/formats/index.js";
import { differenceOf } from "../support/difference.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import { channelsFirst, inFolder, integers, readTensors, report, writeTensors } from "./exchange.js";
import { python } from "./python.js";
import { STUDENTS, type Student } from "./students.js";

onWasmWithoutLeaks();

/** What both sides are given: noise to draw from, and a batch to learn from. */
function given({ network, size }: Student) {
  const { classes, imageChannels } = network.config;
  const zT = noise([1, 2], [size, size, imageChannels]);
  const x0 = tf.tidy(() => tf.tanh<tf.Tensor4D>(noise([3, 4], [size, size, imageChannels])));
  return { zT, x0, times: [0.25, 0.75], ...(classes !== undefined && { labels: [1, -1] }) };
}

async function computeHere(student: Student, { zT, x0, times, ...labels }: ReturnType<typeof given>) {
  const { network, params, schedule, steps, clip } = student;
  const model = denoiser(network, params, student.predictionType);
  const images = await sampleDdim(model, schedule, zT, { steps, clip, ...labels });
  const batch = { denoiser: model, schedule, x0, eps: zT, times, ...labels };
  const { terms, grads } = valueAndGrads(() => denoisingLoss({ ...batch, weighting: "x0" }), params);
  const found = { images: await channelsFirst(images), gradients: await unetToTorch(network, grads) };
  tf.dispose([images, terms, grads]);
  return found;
}

it.each(STUDENTS)("%s draws the same images in PyTorch", async (name, open) => {
  const student = await open();
  const inputs = given(student);
  const { network, params, steps, predictionType, schedule } = student;
  await inFolder(async (path) => {
    const weights = await unetToTorch(network, params);
    await writeTensors(path("student.safetensors"), weights);
    await writeFile(
      path("config.json"),
      JSON.stringify({ network: network.config, steps, predictionType, schedule: schedule.config.type }),
    );
    await writeTensors(path("given.safetensors"), {
      noise: await channelsFirst(inputs.zT),
      x0: await channelsFirst(inputs.x0),
      times: { dtype: "F64", shape: [2], data: Float64Array.from(inputs.times) },
      ...(inputs.labels && { labels: integers(inputs.labels) }),
    });
    await python("student.py", path(""));
    const { images, gradients } = await computeHere(student, inputs);
    const theirs = await readTensors(path("results.safetensors"));
    report(`unetToTorch, images of ${name}`, differenceOf(images, theirs.images), 2e-5);
    const wanted = await readTensors(path("gradients.safetensors"));
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(wanted).sort());
    // Softmax does not see what is added to all scores: the gradient of proj_k.bias is 0, and rounding all that is there.
    const real = Object.entries(wanted).filter(([key]) => !key.endsWith("proj_k.bias"));
    const differences = real.map(([key, gradient]) => differenceOf(gradients[key], gradient));
    report(`unetToTorch, gradients of ${name}`, Math.max(...differences), 1e-4);
    const tree = readTorchCheckpoint(await readFile(path("student.pt"))) as Record<string, TorchValue>;
    expectSameBits(tree.net_model as StateDict, weights);
  });
  tf.dispose([inputs.zT, inputs.x0]);
  disposeParams(params);
});

/** What came back from torch.save is what went there. */
function expectSameBits(back: StateDict, sent: StateDict): void {
  expect(Object.keys(back).sort()).toEqual(Object.keys(sent).sort());
  for (const [name, { shape, data }] of Object.entries(sent)) {
    expect(back[name]!.shape, name).toEqual(shape);
    expect(Buffer.from(back[name]!.data.slice().buffer).equals(Buffer.from(data.slice().buffer)), name).toBe(
      true,
    );
  }
}
