// What each key of a scheduler's config does: something, nothing, or it is refused. test/formats/diffusers/diffusers.test.ts has the values.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { disposeParams } from "../../../src/index.js";
import { diffusersFromFiles } from "../../../src/formats/index.js";
import { readScheduler } from "../../../src/formats/diffusers/scheduler.js";
import { onCpuWithoutLeaks } from "../../support/no-leaks.js";

onCpuWithoutLeaks();

type Config = Record<string, unknown>;
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const files = Object.fromEntries(
  ["config.json", "diffusion_pytorch_model.safetensors"].map((name) => [
    name,
    new Uint8Array(readFileSync(new URL(`../../fixtures/diffusers/met/plain/${name}`, import.meta.url))),
  ]),
);
/** The times at which a model sees these timesteps of 1000. */
const timesOf = (timesteps: readonly number[]) => timesteps.map((timestep) => (timestep + 1) / 1000);

describe("a scheduler's keys:", () => {
  it("DDPM's own variance is what the denoiser has ancestral sampling add", () => {
    const DDPM = { _class_name: "DDPMScheduler" };
    const variances = [undefined, "fixed_small", "fixed_small_log", "fixed_large"].map(
      (variance_type) =>
        readScheduler(variance_type === undefined ? DDPM : { ...DDPM, variance_type }).variance,
    );
    expect(variances).toEqual(["small", "small", "small", "large"]);
    for (const variance_type of ["fixed_large_log", "learned", "learned_range", null, {}]) {
      expect(() => readScheduler({ ...DDPM, variance_type })).toThrow(
        /variance_type among fixed_small, fixed_small_log, fixed_large, got /,
      );
    }
    expect(readScheduler({ _class_name: "DDIMScheduler", variance_type: "fixed_large" }).variance).toBe(
      "small",
    );
    const large = { ...DDPM, variance_type: "fixed_large" };
    expect(readScheduler(large).times(3)).toEqual(timesOf([666, 333, 0, -1]));
    expect(() => readScheduler({ ...large, timestep_spacing: "trailing" }).times(4)).toThrow(
      /a last step from timestep 0, as variance_type fixed_large adds noise after any other, got timestep 249/,
    );
    const scheduler = json({ ...large, clip_sample: false, prediction_type: "sample" });
    const model = diffusersFromFiles({ ...files, "scheduler_config.json": scheduler });
    expect(model.denoiser.variance).toBe("large");
    disposeParams(model.params);
  });

  it.each([
    "_class_name",
    "prediction_type",
    "beta_schedule",
    "timestep_spacing",
    "variance_type",
    "clip_sample",
  ])("an object where %s is a word is named", (key) => {
    const config = { _class_name: "DDPMScheduler", [key]: { toString: 1 } };
    expect(() => readScheduler(config).times(2)).toThrow(
      /^diffusersFromFiles: expected .*, got \{"toString":1\}\.$/,
    );
  });

  it("keys that change nothing, where they change nothing", () => {
    const same = (name: string, keys: Config) => {
      const [plain, other] = [{}, keys].map((more) => readScheduler({ _class_name: name, ...more }));
      expect(other!.schedule.config).toEqual(plain!.schedule.config);
      expect([other!.clip, other!.times(1), other!.variance]).toEqual([
        plain!.clip,
        plain!.times(1),
        plain!.variance,
      ]);
    };
    same("DDIMScheduler", { skip_prk_steps: true, clip_sample_range: 1, variance_type: "learned" });
    same("DDPMScheduler", { skip_prk_steps: true, set_alpha_to_one: false });
    const solver = {
      lower_order_final: false,
      euler_at_final: true,
      algorithm_type: "deis",
      solver_type: "logrho",
    };
    same("DPMSolverMultistepScheduler", {
      ...solver,
      clip_sample: true,
      clip_sample_range: 2,
      set_alpha_to_one: false,
    });
    const unclipped = { _class_name: "DDIMScheduler", clip_sample: false, clip_sample_range: 2 };
    expect(readScheduler(unclipped).clip).toBe(false);
    expect(() => readScheduler({ ...unclipped, clip_sample: true })).toThrow(
      /"clip_sample_range".* to be 1, got 2/,
    );
    const multistep = { _class_name: "DPMSolverMultistepScheduler" };
    for (const [key, value] of Object.entries({
      euler_at_final: "yes",
      solver_order: 3,
      final_sigmas_type: "sigma_min",
    })) {
      expect(() => readScheduler({ ...multistep, [key]: value })).toThrow(
        `"${key}" in scheduler_config.json to be`,
      );
    }
  });

  it("may visit every timestep, as the pipelines of DDPM do where nothing else is asked for", () => {
    const every = timesOf(Array.from({ length: 1001 }, (_, i) => 999 - i));
    for (const name of ["DDPMScheduler", "DDIMScheduler"]) {
      for (const spacing of ["leading", "trailing", "linspace"]) {
        const scheduler = readScheduler({ _class_name: name, timestep_spacing: spacing });
        expect(scheduler.times(1000), `${name}, ${spacing}`).toEqual(every);
      }
    }
  });
});
