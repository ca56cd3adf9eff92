// Fixtures: python scripts/reference/make_diffusers_files.py, with PyTorch 2.13.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { loadDiffusers, saveDiffusers } from "cfd-distill/node";
import { describe, expect, it } from "vitest";
import {
  createRng,
  discreteCosineSchedule,
  disposeParams,
  noise,
  sampleDdim,
  sampleDpmSolver2M,
  unet,
} from "../../../src/index.js";
import {
  decodeSafetensors,
  diffusersFromFiles,
  encodeDiffusers,
  safetensorsMetadata,
  toFloat32,
  type DiffusersModel,
} from "../../../src/formats/index.js";
import { readScheduler } from "../../../src/formats/diffusers/scheduler.js";
import { readUnetConfig } from "../../../src/formats/diffusers/unet.js";
import { sizeOf } from "../../../src/formats/state-dict.js";
import { unetSpecs } from "../../../src/models/unet-plan.js";
import { values } from "../../conformance/values.js";
import { onWasmWithoutLeaks } from "../../support/no-leaks.js";

const root = fileURLToPath(new URL("../../fixtures/diffusers/", import.meta.url));
const bytes = new Uint8Array(readFileSync(join(root, "expected.safetensors")));
const expected = decodeSafetensors(bytes);
const { schedulers } = JSON.parse(safetensorsMetadata(bytes).settings!) as { schedulers: Config[] };
type Config = Record<string, unknown>;

onWasmWithoutLeaks();

/** The folder's files by their paths in it. */
function filesOf(folder: string): Record<string, Uint8Array> {
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => path.includes("."));
  return Object.fromEntries(
    files.map((path) => [path, new Uint8Array(readFileSync(join(root, folder, path)))]),
  );
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** The files with some keys of a config changed. */
function changed(folder: string, path: string, changes: Config): Record<string, Uint8Array> {
  const files = filesOf(folder);
  const config = JSON.parse(new TextDecoder().decode(files[path])) as Config;
  return { ...files, [path]: json({ ...config, ...changes }) };
}

const picture = (name: string) => tf.tensor4d(values(name, [2, 8, 8, 3], 1.5), [2, 8, 8, 3]);

/** The largest difference, as a share of the largest expected value. */
async function expectClose(actual: tf.Tensor, name: string, tolerance: number): Promise<void> {
  const wanted = toFloat32(expected[name]!);
  const found = await actual.data();
  const largest = wanted.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const difference =
    wanted.reduce((max, value, i) => Math.max(max, Math.abs(value - found[i]!)), 0) / largest;
  if (process.env.EXACTNESS_REPORT === "1") console.log(`${difference.toExponential(1)}: ${name}`);
  expect(difference, name).toBeLessThan(tolerance);
}

/** The times at which `model` sees these timesteps of 1000. */
const timesOf = (timesteps: readonly number[]) => timesteps.map((timestep) => (timestep + 1) / 1000);

function free(model: Pick<DiffusersModel, "params">, ...others: tf.Tensor[]): void {
  disposeParams(model.params);
  tf.dispose(others);
}

describe("a pipeline of today", () => {
  it("computes what diffusers computes, and samples as its DDIM does", async () => {
    const model = await loadDiffusers(join(root, "ddim"));
    expect(model.network.config).toMatchObject({
      headWidth: 4,
      epsilon: 1e-6,
      halvingPadding: "end",
      frequencyShift: 1,
    });
    expect([model.denoiser.predictionType, model.clip, model.size]).toEqual(["eps", "x0", 8]);
    const x = picture("diffusers/x");
    const output = model.denoiser(x, timesOf([3, 971]));
    await expectClose(output, "first.output", 1e-5);
    const zT = picture("diffusers/noise");
    const { denoiser, schedule, clip } = model;
    const samples = await sampleDdim(denoiser, schedule, zT, { times: model.times(5), clip });
    await expectClose(samples, "ddim.samples", 5e-5); // x0 of eps divides by an alpha of 0.03
    free(model, x, output, zT, samples);
  });

  it("samples as diffusers' DPM-Solver does", async () => {
    const config = new Uint8Array(readFileSync(join(root, "dpm-solver.json")));
    expect(new TextDecoder().decode(config)).toContain('"lambda_min_clipped": -Infinity'); // which is not JSON
    const model = diffusersFromFiles({ ...filesOf("ddim"), "scheduler/scheduler_config.json": config });
    const zT = picture("diffusers/noise");
    const { denoiser, schedule, clip } = model;
    expect([denoiser.predictionType, clip]).toEqual(["x0", false]);
    const samples = await sampleDpmSolver2M(denoiser, schedule, zT, { times: model.times(6), clip });
    await expectClose(samples, "dpm-solver.samples", 2e-5);
    free(model, zT, samples);
  });
});

it("reads a folder of before diffusers 0.15, pickled, with classes, and samples from it", async () => {
  const model = await loadDiffusers(join(root, "old"));
  const { denoiser, schedule, clip } = model;
  expect(model.network.config).toMatchObject({
    classes: 3,
    halvingPadding: "both",
    frequencyShift: 0,
    blocks: 2,
  });
  const x = picture("diffusers/x");
  const output = denoiser(x, timesOf([3, 971]), [2, 0]);
  await expectClose(output, "second.output", 1e-5);
  const zT = picture("diffusers/noise");
  const samples = await sampleDdim(denoiser, schedule, zT, { times: model.times(4), clip, labels: [1, 2] });
  await expectClose(samples, "old.samples", 2e-5);
  free(model, x, output, zT, samples);
});

describe("schedulers", () => {
  it.each(schedulers.map((config, i) => [i, config] as const))("%i: %j", (i, config) => {
    const { set_alpha_to_one: toOne, clip_sample: clips, ...rest } = config;
    const own = config._class_name === "DDIMScheduler" ? { set_alpha_to_one: toOne } : {};
    const multistep = config._class_name === "DPMSolverMultistepScheduler";
    const toData = config._class_name !== "DDIMScheduler";
    const scheduler = readScheduler({ ...rest, ...own, ...(multistep ? {} : { clip_sample: clips }) });
    const alphaBars = expected[`schedule.${i}`]!.data as Float64Array;
    const found = Array.from(alphaBars, (_, timestep) => scheduler.schedule.alphaBar((timestep + 1) / 1000));
    const off = found.reduce((max, value, at) => Math.max(max, Math.abs(value - alphaBars[at]!)), 0);
    expect(off).toBeLessThan(1e-13);
    expect(scheduler.schedule.alphaBar(0)).toBe(own.set_alpha_to_one === false ? found[0] : 1);
    for (const count of [1, 5, 7, 50]) {
      const timesteps = Array.from(expected[`timesteps.${i}.${count}`]!.data as BigInt64Array, Number);
      const stride = Math.floor(1000 / count);
      const even = timesteps.every((timestep, at) => at === 0 || timesteps[at - 1]! - timestep === stride);
      if (!toData && !even) {
        expect(() => scheduler.times(count)).toThrow(
          `expected times: timesteps one stride, ${stride}, apart, as a step of DDIMScheduler goes that far down, ` +
            `got others, with timestep_spacing ${String(config.timestep_spacing)} and ${count} steps.`,
        );
        continue;
      }
      const times = scheduler.times(count);
      expect(
        times.slice(0, -1).map((t) => Math.round(1000 * t) - 1),
        `${count} steps`,
      ).toEqual(timesteps);
      expect(times.at(-1)).toBe(toData ? 0 : Math.max(0, timesteps.at(-1)! - stride + 1) / 1000);
    }
  });

  it("where the strides are uneven, DDPM goes to the next; DDIM is refused, as it goes one stride down", () => {
    const read = (name: string, spacing: string) =>
      readScheduler({ _class_name: `${name}Scheduler`, timestep_spacing: spacing });
    // round(1000 - 1000 i / 7) - 1
    const visited = [999, 856, 713, 570, 428, 285, 142];
    expect(read("DDPM", "trailing").times(7)).toEqual(timesOf([...visited, -1]));
    expect(() => read("DDIM", "trailing").times(7)).toThrow(
      "diffusersFromFiles: expected times: timesteps one stride, 142, apart, as a step of DDIMScheduler goes that far " +
        "down, got others, with timestep_spacing trailing and 7 steps.",
    );
    expect(() => read("DDIM", "linspace").times(10)).toThrow(
      /one stride, 100, apart.* linspace and 10 steps/,
    );
    expect(read("DDIM", "leading").times(7)).toEqual(timesOf([852, 710, 568, 426, 284, 142, 0, -1]));
    expect(read("DDIM", "linspace").times(1)).toEqual(timesOf([0, -1]));
    expect(read("DDIM", "trailing").times(8)).toEqual(timesOf([999, 874, 749, 624, 499, 374, 249, 124, -1]));
  });
});

it("takes the configs of google/ddpm-cifar10-32", () => {
  const blocks = ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"];
  const config = {
    ...{ _class_name: "UNet2DModel", _diffusers_version: "0.0.4", act_fn: "silu", attention_head_dim: null },
    ...{ block_out_channels: [128, 256, 256, 256], center_input_sample: false, down_block_types: blocks },
    ...{ downsample_padding: 0, flip_sin_to_cos: false, freq_shift: 1, in_channels: 3, layers_per_block: 2 },
    ...{ mid_block_scale_factor: 1, norm_eps: 1e-6, norm_num_groups: 32, out_channels: 3, sample_size: 32 },
    time_embedding_type: "positional",
    up_block_types: blocks.map((name) => name.replace("Down", "Up")).reverse(),
  };
  const { network, cosineFirst } = readUnetConfig(config, { timeScale: 1000, timeOffset: -1 });
  expect(cosineFirst).toBe(false);
  expect(network.config).toEqual({
    ...{ type: "unet", channels: 128, multipliers: [1, 2, 2, 2], attention: [1], blocks: 2, groups: 32 },
    ...{ dropout: 0, imageChannels: 3, epsilon: 1e-6, halvingPadding: "end", frequencyShift: 1 },
    ...{ timeScale: 1000, timeOffset: -1 },
  });
  // Ho et al. 2020, appendix B: 35.7 million parameters
  const sizes = Object.values(unetSpecs(network.config)).map(({ shape }) => sizeOf(shape));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(35_746_307);
  const { predictionType, clip, times } = readScheduler({
    ...{ _class_name: "DDPMScheduler", _diffusers_version: "0.1.1", beta_end: 0.02, beta_schedule: "linear" },
    ...{ beta_start: 0.0001, clip_sample: true, num_train_timesteps: 1000, trained_betas: null },
    variance_type: "fixed_large",
  });
  expect([predictionType, clip, times(4)]).toEqual(["eps", true, timesOf([750, 500, 250, 0, -1])]);
});

describe("what is written", () => {
  const config = { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 };

  it.each([
    ["the authors' times", { ...config, timeScale: 16 }, discreteCosineSchedule(16)],
    [
      "classes and shifted times",
      { ...config, timeScale: 8, timeOffset: -1, classes: 3 },
      discreteCosineSchedule(8),
    ],
  ])("is read back to the same images, visiting the same times: %s", async (_, options, schedule) => {
    const network = unet(options);
    const params = network.init(createRng(1));
    for (const [name, variable] of Object.entries(params)) {
      tf.tidy(() => {
        variable.assign(tf.tensor(values(`saved/${name}`, variable.shape, 0.3), variable.shape));
      });
    }
    const folder = await mkdtemp(join(tmpdir(), "cfd-diffusers-"));
    const usable =
      "timeOffset" in options
        ? { ...schedule, alphaBar: (t: number) => (t === 0 ? 1 : schedule.alphaBar(t)) }
        : schedule;
    await saveDiffusers(folder, {
      network,
      params,
      schedule: usable,
      predictionType: "x0",
      steps: 4,
      size: 8,
    });
    const again = await loadDiffusers(folder);
    await rm(folder, { recursive: true });
    const labels = "classes" in options ? { labels: [2, 0] } : {};
    const zT = noise([1, 2], [8, 8, 3]);
    const model = Object.assign(
      (zt: tf.Tensor4D, times: readonly number[], given?: readonly number[]) =>
        given ? network.apply(params, zt, times, given) : network.apply(params, zt, times),
      { predictionType: "x0" as const },
    );
    const before = await sampleDdim(model, usable, zT, { steps: 4, clip: "x0", ...labels });
    const { denoiser, times, clip } = again;
    const after = await sampleDdim(denoiser, again.schedule, zT, { times: times(4), clip, ...labels });
    const off = tf.tidy(() => tf.max(tf.abs(tf.sub(before, after))));
    expect((await off.data())[0]).toBeLessThan(2e-5);
    disposeParams(params);
    free(again, zT, before, after, off);
  });

  it("may have images of two sides", async () => {
    const network = unet({ ...config, timeScale: 8 });
    const params = network.init(createRng(1));
    const model = {
      network,
      params,
      schedule: discreteCosineSchedule(8),
      predictionType: "x0" as const,
      steps: 4,
    };
    const again = diffusersFromFiles(await encodeDiffusers({ ...model, size: [4, 6] }));
    expect(again.size).toEqual([4, 6]);
    disposeParams(params);
    free(again);
  });

  it("has the names, shapes and keys of diffusers", async () => {
    const theirs = decodeSafetensors(
      new Uint8Array(await readFile(join(root, "ddim/unet/diffusion_pytorch_model.safetensors"))),
    );
    const model = await loadDiffusers(join(root, "ddim"));
    const input = {
      network: model.network,
      params: model.params,
      schedule: model.schedule,
      steps: 5,
      size: 8,
    };
    const files = await encodeDiffusers({ ...input, predictionType: "eps" });
    const ours = decodeSafetensors(files["unet/diffusion_pytorch_model.safetensors"]!);
    expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
    for (const [name, tensor] of Object.entries(theirs)) {
      expect([...ours[name]!.shape], name).toEqual([...tensor.shape]);
      expect(
        Buffer.from(toFloat32(ours[name]!).buffer).equals(Buffer.from(toFloat32(tensor).buffer)),
        name,
      ).toBe(true);
    }
    const written = JSON.parse(new TextDecoder().decode(files["unet/config.json"])) as Config;
    const given = JSON.parse(await readFile(join(root, "ddim/unet/config.json"), "utf8")) as Config;
    for (const [key, value] of Object.entries(written)) expect(value, key).toEqual(given[key]);
    free(model);
  });

  it("refuses what diffusers cannot express", async () => {
    const network = unet({ ...config, timeScale: 16 });
    const params = network.init(createRng(0));
    const input = {
      network,
      params,
      schedule: discreteCosineSchedule(16),
      predictionType: "x0" as const,
      steps: 4,
      size: 8,
    };
    await expect(encodeDiffusers({ ...input, steps: 3 })).rejects.toThrow(
      /encodeDiffusers: expected steps that divide the timeScale, 16, got 3/,
    );
    const odd = unet({ ...config, timeScale: 16, timeOffset: 0.5 });
    await expect(encodeDiffusers({ ...input, network: odd })).rejects.toThrow(
      /a timeOffset of 0 or -1, got 0.5/,
    );
    const refused = async (changes: object, message: RegExp) => {
      await expect(encodeDiffusers({ ...input, ...changes })).rejects.toThrow(message);
    };
    const wide = unet({ ...config, multipliers: [2, 4], timeScale: 16 });
    await refused(
      { network: wide },
      /a network whose first multiplier is 1, as diffusers has no other, got 2/,
    );
    await refused({ size: 9 }, /sizes that 2 levels can halve, multiples of 2, got 9/);
    await refused({ size: [8, 0] }, /size to be a positive integer, got 0/);
    await refused({ size: [8] }, /size to be a number, or \[height, width\], got \[8\]/);
    await refused({ predictionType: "flow" }, /a predictionType among eps, x0, v, got flow/);
    const { "head.weight": head, ...others } = params;
    await refused({ params: others }, /"head\.weight" of shape \[3, 3, 3, 8\], got none/);
    await refused({ params: { ...params, more: head } }, /no tensors but the network's own, got more/);
    const rising = { ...input.schedule, alphaBar: (t: number) => (t === 0 ? 1 : t) };
    await refused({ schedule: rising }, /a schedule whose alphaBar falls, to 0 at its end alone, got 0\.125/);
    const early = { ...input.schedule, alphaBar: (t: number) => (t === 0 ? 1 : 0) };
    await refused({ schedule: early }, /a schedule whose alphaBar falls, to 0 at its end alone, got 0/);
    const moved = unet({ ...config, timeScale: 16, timeOffset: -1 });
    await expect(encodeDiffusers({ ...input, network: moved })).rejects.toThrow(
      /alphaBar\(0\) is 1 or that of the first timestep/,
    );
    disposeParams(params);
  });
});

describe("refuses, by name,", () => {
  const unetFile = "unet/config.json";
  const schedulerFile = "scheduler/scheduler_config.json";
  const MULTISTEP = {
    _class_name: "DPMSolverMultistepScheduler",
    clip_sample: undefined,
    set_alpha_to_one: undefined,
  };
  it.each([
    [unetFile, { _class_name: "UNet2DConditionModel" }, /of a UNet2DModel, got UNet2DConditionModel/],
    [
      unetFile,
      { center_input_sample: true },
      /"center_input_sample" in the U-Net's config.json to be false, got true/,
    ],
    [unetFile, { time_embedding_type: "fourier" }, /"time_embedding_type".* to be "positional", got fourier/],
    [unetFile, { resnet_time_scale_shift: "scale_shift" }, /"resnet_time_scale_shift".*got scale_shift/],
    [unetFile, { class_embed_type: "timestep" }, /"class_embed_type".*got timestep/],
    [unetFile, { attn_norm_num_groups: 8 }, /"attn_norm_num_groups".* null or 4, got 8/],
    [unetFile, { brand_new: 1 }, /no "brand_new" in the U-Net's config.json, which is not supported/],
    [
      unetFile,
      { down_block_types: ["SkipDownBlock2D", "DownBlock2D"] },
      /DownBlock2D and AttnDownBlock2D, got SkipDownBlock2D/,
    ],
    [
      unetFile,
      { up_block_types: ["UpBlock2D", "AttnUpBlock2D"] },
      /up_block_types that mirror down_block_types/,
    ],
    [unetFile, { block_out_channels: [8, 12] }, /multiples of the first, got \[8,12\]/],
    [unetFile, { out_channels: 6 }, /as many out_channels as in_channels, 3, got 6/],
    [unetFile, { layers_per_block: 2 }, /differences?: no "downblocks/],
    [unetFile, { layers_per_block: 0 }, /blocks to be a positive integer/],
    [unetFile, { downsample_padding: 2 }, /downsample_padding of 0 or 1, got 2/],
    [unetFile, { norm_eps: "1e-6" }, /"norm_eps" in the U-Net's config.json to be a number, got 1e-6/],
    [unetFile, { freq_shift: null }, /"freq_shift".* to be a number, got null/],
    [unetFile, { flip_sin_to_cos: 1 }, /"flip_sin_to_cos".* to be a boolean, got 1/],
    [
      unetFile,
      {
        block_out_channels: Array<number>(17).fill(8),
        down_block_types: Array<string>(17).fill("DownBlock2D"),
        up_block_types: Array<string>(17).fill("UpBlock2D"),
      },
      /at most 16 levels, got 17/,
    ],
    [schedulerFile, { clip_sample: "yes" }, /"clip_sample".* to be a boolean, got yes/],
    [schedulerFile, { beta_start: "0.0001" }, /"beta_start".* to be a number, got 0.0001/],
    [schedulerFile, { trained_betas: Array<string>(1000).fill("0.1") }, /trained_betas to be 1000 numbers/],
    [schedulerFile, { _class_name: "PNDMScheduler" }, /a scheduler among DDIMScheduler, .*got PNDMScheduler/],
    [schedulerFile, { thresholding: true }, /"thresholding" in scheduler_config.json to be false/],
    [schedulerFile, { beta_schedule: "exp" }, /beta_schedule among linear, .*got exp/],
    [schedulerFile, { prediction_type: "flow" }, /prediction_type among epsilon/],
    [unetFile, { layers_per_block: 1e9 }, /at most 1000 blocks in all, got 4000000004/],
    [schedulerFile, { num_train_timesteps: 1e9 }, /num_train_timesteps of at most 1000000, got 1000000000/],
    [schedulerFile, { num_train_timesteps: 0 }, /num_train_timesteps to be a positive integer/],
    [schedulerFile, { trained_betas: [0.1] }, /trained_betas to be 1000 numbers/],
    [schedulerFile, { beta_start: 2 }, /0 < beta_start <= beta_end < 1/],
    [schedulerFile, { ...MULTISTEP, rescale_betas_zero_snr: true }, /"rescale_betas_zero_snr".*false/],
    [schedulerFile, { use_karras_sigmas: true }, /no "use_karras_sigmas"/],
  ])("%s %j", (file, changes, message) => {
    expect(() => diffusersFromFiles(changed("ddim", file, changes))).toThrow(message);
  });

  it("steps that the scheduler cannot take, and other spacings", () => {
    expect(() => readScheduler(schedulers[0]!).times(1001)).toThrow(
      /times: at most the scheduler's 1000 timesteps, got 1001/,
    );
    expect(() => readScheduler({ _class_name: "DPMSolverMultistepScheduler" }).times(1000)).toThrow(
      /1000 steps that this scheduler can take/,
    );
    expect(() => readScheduler({ ...schedulers[0]!, timestep_spacing: "karras" }).times(5)).toThrow(
      /got karras/,
    );
  });

  it("missing and damaged files", async () => {
    const without = (missing: string) =>
      Object.fromEntries(Object.entries(filesOf("ddim")).filter(([path]) => path !== missing));
    expect(() => diffusersFromFiles(without(unetFile))).toThrow(
      /diffusersFromFiles: expected a file unet\/config.json or config.json/,
    );
    const weights = "unet/diffusion_pytorch_model.safetensors";
    expect(() => diffusersFromFiles(without(weights))).toThrow(
      /a file unet\/diffusion_pytorch_model.safetensors or .*bin/,
    );
    expect(() => diffusersFromFiles({ ...filesOf("ddim"), [unetFile]: json([]) })).toThrow(
      /to hold an object/,
    );
    expect(() => diffusersFromFiles({ ...filesOf("ddim"), [unetFile]: Uint8Array.of(123) })).toThrow(
      /unet\/config.json in JSON/,
    );
    await expect(loadDiffusers(join(root, "nowhere"))).rejects.toThrow(
      /a folder of diffusers, with a config.json, got .*nowhere/,
    );
  });
});
