// The package diffusers, where the Python has it; requirements.txt does not ask for it.
import { spawnSync } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { loadDiffusers, saveDiffusers } from "cfd-distill/node";
import { expect, it } from "vitest";
import { disposeParams, denoiser, noise, sampleDdim, sampleDpmSolver2M } from "../../src/index.js";
import { readScheduler } from "../../src/formats/diffusers/scheduler.js";
import { toFloat32 } from "../../src/formats/state-dict.js";
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
import { PYTHON, python } from "./python.js";
import { STUDENTS } from "./students.js";

onWasmWithoutLeaks();

const there =
  spawnSync(PYTHON, ["-c", "import importlib.util as u; assert u.find_spec('diffusers')"]).status === 0;
if (!there) console.warn("!!! SKIPPED: diffusers itself, because this Python has no package diffusers");

interface Visited {
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly timesteps: Readonly<Record<string, readonly number[]>>;
}

it.skipIf(!there)("folders, timesteps and alphas of diffusers are read as it computes them", async () => {
  await inFolder(async (path) => {
    await python("diffusers_itself.py", "write", path(""));
    const results = await readTensors(path("results.safetensors"));
    const zT = channelsLast(results.noise!);
    const times = [4 / 1000, 972 / 1000];
    for (const name of ["plain", "heads"]) {
      const labels = name === "heads" ? Array.from(results.labels!.data, Number) : undefined;
      for (const folder of [name, `${name}-bin`]) {
        const { denoiser: model, params } = await loadDiffusers(path(folder));
        const output = model(zT, times, labels);
        const difference = differenceOf(await channelsFirst(output), results[`${name}.output`]);
        report(`loadDiffusers, a prediction of diffusers' ${folder}`, difference, 1e-5);
        output.dispose();
        disposeParams(params);
      }
      for (const [kind, sample] of Object.entries({ ddim: sampleDdim, dpm: sampleDpmSolver2M })) {
        const config = "scheduler_config.json";
        if (kind === "dpm")
          await copyFile(path(`${name}-dpm/${config}`), path(`${name}/scheduler/${config}`));
        const model = await loadDiffusers(path(name));
        const options = { times: model.times(10), clip: model.clip, ...(labels && { labels }) };
        const images = await sample(model.denoiser, model.schedule, zT, options);
        const difference = differenceOf(await channelsFirst(images), results[`${name}.${kind}`]);
        report(`loadDiffusers, ${kind} of diffusers' ${name} in 10 steps`, difference, 1e-4);
        images.dispose();
        disposeParams(model.params);
      }
    }
    zT.dispose();
    const schedulers = JSON.parse(await readFile(path("schedulers.json"), "utf8")) as Visited[];
    let farthest = 0;
    for (const [i, { kind, options, timesteps }] of schedulers.entries()) {
      const text = await readFile(path(`scheduler-${i}/scheduler_config.json`), "utf8");
      const config = JSON.parse(text.replaceAll("-Infinity", "null")) as Record<string, unknown>;
      const scheduler = readScheduler(config);
      const what = `${kind} ${JSON.stringify(options)}`;
      for (const [count, visited] of Object.entries(timesteps)) {
        if (visited[0]! > 999) {
          // Every timestep, and an offset: diffusers lists 1000 of 1000, and fails once it gets there.
          expect(() => scheduler.times(Number(count)), what).toThrow(/steps that this scheduler can take/);
          continue;
        }
        const stride = Math.floor(1000 / Number(count));
        const even = visited.every((timestep, at) => at === 0 || visited[at - 1]! - timestep === stride);
        if (config._class_name === "DDIMScheduler" && !even) {
          // A step of it goes one stride down, wherever the next one begins.
          expect(() => scheduler.times(Number(count)), what).toThrow(/timesteps one stride, \d+, apart/);
          continue;
        }
        const found = scheduler.times(Number(count)).slice(0, -1);
        // With trailing spacing, rounding gives some counts (61 of 1000) one timestep too many: -1, which is none.
        const meant = visited.slice(0, Number(count));
        expect(
          found.map((t) => Math.round(1000 * t) - 1),
          `${what}, ${count} steps`,
        ).toEqual(meant);
      }
      toFloat32(results[`alphas.${i}`]!).forEach((alphaBar, timestep) => {
        const ours = scheduler.schedule.alphaBar((timestep + 1) / 1000);
        farthest = Math.max(farthest, Math.abs(ours - alphaBar));
      });
    }
    report(
      `loadDiffusers, alphas of ${schedulers.length} schedulers, which diffusers has in float32`,
      farthest,
      2e-6,
    );
  });
});

it.skipIf(!there).each(STUDENTS)(
  "its DDIMPipeline loads the folder of %s and draws the same",
  async (name, open) => {
    const student = await open();
    const { network, params, schedule, steps, size } = student;
    const zT = noise([1, 2], [size, size, network.config.imageChannels]);
    const labels = network.config.classes === undefined ? undefined : [1, 2];
    await inFolder(async (path) => {
      await saveDiffusers(path("model"), student);
      await writeTensors(path("given.safetensors"), {
        noise: await channelsFirst(zT),
        steps: integers([steps]),
        ...(labels && { labels: integers(labels) }),
      });
      await python("diffusers_itself.py", "read", path(""));
      const model = denoiser(network, params, student.predictionType);
      const images = await sampleDdim(model, schedule, zT, { steps, clip: "x0", ...(labels && { labels }) });
      const { images: theirs } = await readTensors(path("results.safetensors"));
      report(
        `saveDiffusers, images of ${name} by diffusers itself`,
        differenceOf(await channelsFirst(images), theirs),
        1e-4,
      );
      images.dispose();
    });
    zT.dispose();
    disposeParams(params);
  },
);
