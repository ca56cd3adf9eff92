import { copyFile } from "node:fs/promises";
import { loadDiffusers, saveDiffusers } from "cfd-distill/node";
import { it } from "vitest";
import { denoiser, disposeParams, noise, sampleDdim, sampleDpmSolver2M } from "../../src/index.js";
import { differenceOf } from "../support/difference.js";
import { onWasmWithoutLeaks } from "../support/no-leaks.js";
import {
  channelsFirst,
  channelsLast,
  inFolder,
  integers,
  readTensors,
  report,
  writeTensors,
} from "./exchange.js";
import { python } from "./python.js";
import { STUDENTS } from "./students.js";

onWasmWithoutLeaks();

it.each(STUDENTS)("the folder of %s draws the same images by diffusers' arithmetic", async (name, open) => {
  const student = await open();
  const { network, params, schedule, steps, size } = student;
  const { classes, imageChannels } = network.config;
  const zT = noise([1, 2], [size, size, imageChannels]);
  const labels = classes === undefined ? undefined : [1, 2];
  await inFolder(async (path) => {
    await saveDiffusers(path("model"), student);
    await writeTensors(path("given.safetensors"), {
      noise: await channelsFirst(zT),
      steps: integers([steps]),
      ...(labels && { labels: integers(labels) }),
    });
    await python("diffusers_folder.py", "read", path(""));
    const model = denoiser(network, params, student.predictionType);
    const images = await sampleDdim(model, schedule, zT, { steps, clip: "x0", ...(labels && { labels }) });
    const { images: theirs } = await readTensors(path("results.safetensors"));
    report(`saveDiffusers, images of ${name}`, differenceOf(await channelsFirst(images), theirs), 2e-5);
    images.dispose();
  });
  zT.dispose();
  disposeParams(params);
});

it("a folder that diffusers' names and arithmetic made draws the same images here", async () => {
  await inFolder(async (path) => {
    await python("diffusers_folder.py", "write", path(""));
    const results = await readTensors(path("results.safetensors"));
    const zT = channelsLast(results.noise!);
    const samplers = { ddim: sampleDdim, dpm: sampleDpmSolver2M };
    for (const [scheduler, sample] of Object.entries(samplers)) {
      if (scheduler === "dpm")
        await copyFile(path("dpm.json"), path("model/scheduler/scheduler_config.json"));
      const model = await loadDiffusers(path("model"));
      const { times, clip } = model;
      const images = await sample(model.denoiser, model.schedule, zT, { times: times(10), clip });
      // Random weights make eps networks chaotic: clipping x0 = (zt - sigma eps) / alpha magnifies rounding in PyTorch too.
      const rounding = differenceOf(results[`${scheduler}.float32`], results[scheduler]);
      console.log(`PyTorch's own float32 is off by ${rounding.toExponential(1)}: ${scheduler} in 10 steps`);
      const difference = differenceOf(await channelsFirst(images), results[scheduler]);
      report(`loadDiffusers, ${scheduler} in 10 steps`, difference, Math.max(3 * rounding, 1e-5));
      images.dispose();
      disposeParams(model.params);
    }
    zT.dispose();
  });
});
