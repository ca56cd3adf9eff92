import { writeFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { it } from "vitest";
import { denoiser, disposeParams, noise, sampleDdim } from "../../src/index.js";
import { fromFloat32, samplerToOnnx, toOnnx } from "../../src/formats/index.js";
import { differenceOf } from "../support/difference.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import { channelsFirst, inFolder, integers, readTensors, report, writeTensors } from "./exchange.js";
import { python } from "./python.js";
import { STUDENTS, type Student } from "./students.js";

onWasmWithoutLeaks();

async function computeHere(student: Student, zT: tf.Tensor4D, times: number[], labels?: number[]) {
  const { network, params, schedule, steps, clip } = student;
  const model = denoiser(network, params, student.predictionType);
  const prediction = model(zT, times, labels);
  const images = await sampleDdim(model, schedule, zT, { steps, clip, ...(labels && { labels }) });
  const guided = await sampleDdim(model, schedule, zT, {
    steps,
    clip,
    ...(labels && { labels, guidance: 2 }),
  });
  const found = {
    prediction: await channelsFirst(prediction),
    images: await channelsFirst(images),
    guidedImages: await channelsFirst(guided),
  };
  tf.dispose([prediction, images, guided]);
  return found;
}

it.each(STUDENTS)("the graphs of %s are valid and run in native onnxruntime", async (name, open) => {
  const student = await open();
  const { size, ...model } = student;
  const { network, params } = model;
  const zT = noise([1, 2], [size, size, network.config.imageChannels]);
  const [times, labels] = [[0.25, 0.75], network.config.classes === undefined ? undefined : [1, -1]];
  await inFolder(async (path) => {
    await writeFile(path("network.onnx"), await toOnnx(network, params));
    await writeFile(path("sampler.onnx"), await samplerToOnnx(model));
    const guided = { ...model, ...(labels && { guidance: 2 }) };
    await writeFile(path("guided.onnx"), await samplerToOnnx(guided));
    await writeFile(path("halves.onnx"), await samplerToOnnx({ ...guided, dtype: "float16" }));
    const image = await channelsFirst(zT);
    await writeTensors(path("given.safetensors"), {
      zt: image,
      noise: image,
      times: fromFloat32(Float32Array.from(times), [2], "F32"),
      ...(labels && { labels: integers(labels) }),
    });
    await python("onnx_graphs.py", path(""), "network", "sampler", "guided", "halves");
    const { prediction, images, guidedImages } = await computeHere(student, zT, times, labels);
    const ours = await readTensors(path("network.safetensors"));
    report(`toOnnx, prediction of ${name}`, differenceOf(prediction, ours.prediction), 1e-4);
    const drawn = await readTensors(path("sampler.safetensors"));
    report(`samplerToOnnx, images of ${name}`, differenceOf(images, drawn.images), 1e-4);
    const led = await readTensors(path("guided.safetensors"));
    report(
      `samplerToOnnx, images of ${name}, guided if it has classes`,
      differenceOf(guidedImages, led.images),
      1e-4,
    );
    const rough = await readTensors(path("halves.safetensors"));
    report(
      `samplerToOnnx, images of ${name} by halved weights`,
      differenceOf(guidedImages, rough.images),
      0.05,
    );
  });
  zT.dispose();
  disposeParams(params);
});
