// Fixtures: python scripts/reference/make_diffusers_files.py. Flows, and Euler's method where variance is preserved.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { loadDiffusers, saveDiffusers } from "cfd-distill/node";
import { describe, expect, it } from "vitest";
import {
  createRng,
  cosineSchedule,
  denoiser,
  disposeParams,
  flowSchedule,
  noise,
  sampleDdim,
  unet,
  type FlowSchedule,
  type PredictionType,
} from "../../../src/index.js";
import {
  decodeSafetensors,
  diffusersFromFiles,
  encodeDiffusers,
  safetensorsMetadata,
  toFloat32,
} from "../../../src/formats/index.js";
import { readScheduler } from "../../../src/formats/diffusers/scheduler.js";
import { values } from "../../conformance/values.js";
import { onWasmWithoutLeaks } from "../../support/no-leaks.js";

onWasmWithoutLeaks();

type Config = Record<string, unknown>;
const root = fileURLToPath(new URL("../../fixtures/diffusers/", import.meta.url));
const bytes = new Uint8Array(readFileSync(join(root, "expected.safetensors")));
const expected = decodeSafetensors(bytes);
const settings = JSON.parse(safetensorsMetadata(bytes).settings!) as {
  schedulers: Config[];
  flows: Config[];
};
const FLOW = "FlowMatchEulerDiscreteScheduler";

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const read = (path: string) => new Uint8Array(readFileSync(join(root, "ddim", path)));

/** The network of the fixtures' first folder with another scheduler. */
const withScheduler = (scheduler: Config) =>
  diffusersFromFiles({
    "unet/config.json": read("unet/config.json"),
    "unet/diffusion_pytorch_model.safetensors": read("unet/diffusion_pytorch_model.safetensors"),
    "scheduler/scheduler_config.json": json(scheduler),
  });

async function expectClose(got: tf.Tensor, name: string, tolerance: number) {
  const want = toFloat32(expected[name]!);
  const far = Array.from(await got.data(), (value, i) => Math.abs(value - want[i]!));
  expect(Math.max(...far), name).toBeLessThan(tolerance * Math.max(...want.map(Math.abs)));
}

describe.each(settings.flows.map((flow, i) => [i, flow] as const))("flow %i: %j", (i, flow) => {
  it("is read with its network's times, and DDIM draws what its Euler draws", async () => {
    const model = withScheduler({ _class_name: FLOW, use_dynamic_shifting: false, base_shift: 0.5, ...flow });
    const { schedule, clip, times, params, network } = model;
    const shift = flow.shift as number;
    expect([model.denoiser.predictionType, schedule.config, clip]).toEqual([
      "flow",
      { type: "flow", shift },
      false,
    ]);
    const timeScale = flow.num_train_timesteps;
    expect(network.config).toMatchObject({
      timeScale,
      timeOffset: 0,
      ...(shift === 1 ? {} : { timeShift: shift }),
    });
    for (const count of [2, 5, 50]) {
      const sigmas = times(count).map((t) => schedule.alphaSigma!(t).sigma);
      const want = toFloat32(expected[`flow.${i}.sigmas.${count}`]!);
      expect(sigmas.length).toBe(want.length);
      sigmas.forEach((sigma, at) => {
        expect(Math.abs(sigma - want[at]!)).toBeLessThan(1e-7);
      });
    }
    const zT = tf.tensor4d(values("diffusers/noise", [2, 8, 8, 3], 1.5), [2, 8, 8, 3]);
    const samples = await sampleDdim(model.denoiser, schedule, zT, { times: times(5), clip });
    await expectClose(samples, `flow.${i}.samples`, 1e-5);
    tf.dispose([zT, samples]);
    disposeParams(params);
  });
});

it.each([8, 9])("Euler's method where variance is preserved is DDIM: scheduler %i", async (i) => {
  const { set_alpha_to_one: toOne, ...scheduler } = settings.schedulers[i]!;
  const model = withScheduler(scheduler);
  const { schedule, clip, times, params } = model;
  expect([toOne, clip, times(5).at(-1), schedule.alphaBar(0)]).toEqual([true, false, 0, 1]);
  const first = scheduler.timestep_spacing === "leading" ? 1 : Math.sqrt(1 - schedule.alphaBar(times(5)[0]!));
  const zT = tf.tensor4d(
    values("diffusers/noise", [2, 8, 8, 3], 1.5).map((value) => value * first),
    [2, 8, 8, 3],
  );
  const samples = await sampleDdim(model.denoiser, schedule, zT, { times: times(5), clip });
  await expectClose(samples, `euler.${i}.samples`, 5e-5); // x0 of eps divides by an alpha of 0.03
  tf.dispose([zT, samples]);
  disposeParams(params);
});

it("Euler and Heun take the defaults of their classes, and whole timesteps alone", () => {
  const heun = readScheduler({ _class_name: "HeunDiscreteScheduler" });
  expect(heun.schedule.alphaBar(1 / 1000)).toBe(1 - 0.00085);
  expect([heun.clip, heun.predictionType]).toEqual([false, "eps"]);
  expect(readScheduler({ _class_name: "HeunDiscreteScheduler", clip_sample: true }).clip).toBe(true);
  const euler = readScheduler({
    _class_name: "EulerDiscreteScheduler",
    clip_sample: true,
    thresholding: true,
  });
  expect([euler.clip, euler.schedule.alphaBar(1 / 1000)]).toEqual([false, 1 - 0.0001]);
  expect(euler.times(4)).toEqual([999, 666, 333, 0, -1].map((timestep) => (timestep + 1) / 1000));
  expect(() => euler.times(50)).toThrow(
    "diffusersFromFiles: expected times: as many steps as have whole timesteps, as this scheduler goes between them in " +
      "sigma, got timestep 978.6",
  );
});

const refusals: [Config, string][] = [
  [
    { use_dynamic_shifting: true },
    '"use_dynamic_shifting" in scheduler_config.json to be false or null, got true.',
  ],
  [{ invert_sigmas: true }, '"invert_sigmas" in scheduler_config.json to be false or null, got true.'],
  [{ stochastic_sampling: true }, '"stochastic_sampling" in scheduler_config.json to be false or null'],
  [{ use_karras_sigmas: true }, '"use_karras_sigmas" in scheduler_config.json to be false or null'],
  [{ shift: 0 }, '"shift" in scheduler_config.json to be more than 0, got 0.'],
  [{ shift: "3" }, '"shift" in scheduler_config.json to be a number, got 3.'],
  [{ shift_terminal: 1 }, '"shift_terminal" in scheduler_config.json to be null or a number below 1, got 1.'],
  [{ num_train_timesteps: 0 }, "num_train_timesteps to be a positive integer, got 0."],
  [{ num_train_timesteps: 1e7 }, "num_train_timesteps of at most 1000000, got 10000000."],
  [{ prediction_type: "epsilon" }, 'no "prediction_type" in scheduler_config.json, which is not supported'],
];
it.each(refusals)("of a flow's scheduler %j is refused by name", (config, message) => {
  expect(() => readScheduler({ _class_name: FLOW, ...config })).toThrow(
    `diffusersFromFiles: expected ${message}`,
  );
});

it.each([
  ["EulerDiscreteScheduler", { interpolation_type: "log_linear" }, '"interpolation_type"'],
  ["EulerDiscreteScheduler", { timestep_type: "continuous" }, '"timestep_type"'],
  ["EulerDiscreteScheduler", { final_sigmas_type: "sigma_min" }, '"final_sigmas_type"'],
  ["EulerDiscreteScheduler", { rescale_betas_zero_snr: true }, '"rescale_betas_zero_snr"'],
  ["EulerDiscreteScheduler", { sigma_max: 80 }, '"sigma_max"'],
  ["HeunDiscreteScheduler", { use_karras_sigmas: true }, '"use_karras_sigmas"'],
  ["HeunDiscreteScheduler", { clip_sample: true, clip_sample_range: 2 }, '"clip_sample_range"'],
])("%s with %j is refused by name", (name, config, message) => {
  expect(() => readScheduler({ _class_name: name, ...config })).toThrow(
    `diffusersFromFiles: expected ${message} in `,
  );
});

it("a flow's times are refused where its own are none", () => {
  const { times } = readScheduler({ _class_name: FLOW, shift_terminal: 0.1 });
  expect(() => times(0)).toThrow(
    "diffusersFromFiles: expected times: steps to be a positive integer, got 0.",
  );
  expect(() => times(1)).toThrow("times: 1 steps that this scheduler can take"); // which stretches by 0 / 0
  const { times: none } = readScheduler({ _class_name: FLOW, num_train_timesteps: 1 });
  expect(none(1)).toEqual([1, 0]);
  expect(() => none(2)).toThrow("times: 2 steps that this scheduler can take");
});

describe("a flow that is saved", () => {
  const sizes = { channels: 8, multipliers: [1, 2], attention: [1], blocks: 1, groups: 4 };
  const made = (
    options: { timeScale: number; timeShift?: number; timeOffset?: number },
    schedule: FlowSchedule,
  ) => {
    const network = unet({ ...sizes, ...options });
    const params = network.init(createRng(0));
    return { network, params, schedule, predictionType: "flow" as PredictionType, size: 8 };
  };

  it.each([
    [1, 4],
    [1, 1],
    [1, 16],
    [3, 1],
    [3, 2],
  ])(
    "with shift %d, for %i steps, comes back and draws the same at the times of its pipeline",
    async (shift, steps) => {
      const timeShift = shift === 1 ? {} : { timeShift: shift };
      const model = made({ timeScale: 16, ...timeShift }, flowSchedule({ shift }));
      const folder = await mkdtemp(join(tmpdir(), "cfd-flow-"));
      await saveDiffusers(folder, { ...model, steps });
      const index = JSON.parse(await readFile(join(folder, "model_index.json"), "utf8")) as Config;
      expect(index).toMatchObject({ _class_name: "DDPMPipeline", scheduler: ["diffusers", FLOW] });
      const again = await loadDiffusers(folder);
      await rm(folder, { recursive: true });
      expect(again.schedule.config).toEqual({ type: "flow", shift });
      again.times(steps).forEach((t, i) => {
        expect(Math.abs(t - (steps - i) / steps)).toBeLessThan(1e-12);
      });
      const zT = noise([1, 2], [8, 8, 3]);
      const student = denoiser(model.network, model.params, "flow");
      const before = await sampleDdim(student, model.schedule, zT, { steps, clip: false });
      const after = await sampleDdim(again.denoiser, again.schedule, zT, {
        times: again.times(steps),
        clip: again.clip,
      });
      const off = tf.tidy(() => tf.max(tf.abs(tf.sub(before, after))));
      expect((await off.data())[0]).toBeLessThan(2e-5);
      tf.dispose([zT, before, after, off]);
      disposeParams(model.params);
      disposeParams(again.params);
    },
  );

  it("is refused where diffusers has no such flow", async () => {
    const model = made({ timeScale: 16 }, flowSchedule());
    const refused = async (changes: object, message: string) => {
      await expect(encodeDiffusers({ ...model, steps: 4, ...changes })).rejects.toThrow(
        `encodeDiffusers: expected ${message}`,
      );
    };
    await refused({ predictionType: "v" }, 'predictionType "flow", with a flow, got v.');
    await refused({ steps: 17 }, "at most 16 steps, its timesteps, got 17.");
    await refused(
      { schedule: flowSchedule({ shift: 3 }) },
      "a network of timeShift 3, the flow's shift, as diffusers' sees its u, got 1.",
    );
    const shifted = unet({ ...sizes, timeScale: 16, timeShift: 3 });
    await refused(
      { schedule: flowSchedule({ shift: 3 }), network: shifted },
      "at most 2 steps with a shift, as diffusers' own are others, got 4.",
    );
    await refused(
      { network: unet({ ...sizes, timeScale: 16, timeOffset: -1 }) },
      "a timeOffset of 0, with a flow",
    );
    await refused({ schedule: cosineSchedule() }, "a predictionType among eps, x0, v, got flow.");
    const own = { ...flowSchedule(), config: cosineSchedule().config };
    await refused(
      { schedule: own, predictionType: "x0" },
      "a schedule that preserves variance, or a flowSchedule",
    );
    const moved = { schedule: cosineSchedule(), predictionType: "x0", network: shifted };
    await refused(moved, "no timeShift, unless the schedule is a flow, got 3.");
    disposeParams(model.params);
  });
});
