import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  cosineSchedule,
  discreteCosineSchedule,
  noise,
  sampleAncestral,
  sampleConsistency,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  stepTimes,
  tableSchedule,
  withGuidance,
  type Denoiser,
  type Labels,
  type PredictionType,
  type SamplerOptions,
  type Times,
} from "../../src/index.js";
import { gaussianDenoiser } from "../support/denoisers.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

type Sampler = (
  denoiser: Denoiser,
  schedule: ReturnType<typeof cosineSchedule>,
  zT: tf.Tensor4D,
  options: SamplerOptions & { seeds: readonly number[] },
) => Promise<tf.Tensor4D>;

const samplers: Record<string, Sampler> = {
  sampleDdim,
  sampleAncestral,
  sampleConsistency,
  sampleDpmSolver2M,
  sampleHeun,
};
const seeds = [1, 2, 3];
const shape: [number, number, number] = [4, 4, 3];
const schedule = cosineSchedule();
const model = gaussianDenoiser(schedule, "x0");

async function values(tensor: tf.Tensor): Promise<number[]> {
  const data = Array.from(await tensor.data());
  tensor.dispose();
  return data;
}

const largest = (a: number[], b: number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));

describe.each(Object.entries(samplers))("%s", (_, sampler) => {
  test("image i does not depend on the batch", async () => {
    const zT = noise(seeds, shape);
    const alone = noise([2], shape);
    const together = await values(await sampler(model, schedule, zT, { steps: 5, seeds }));
    const single = await values(await sampler(model, schedule, alone, { steps: 5, seeds: [2] }));
    expect(together.slice(48, 96)).toEqual(single);
    tf.dispose([zT, alone]);
  });

  test("leaves one tensor, and none when it is aborted or its callback throws", async () => {
    const zT = noise(seeds, shape);
    const before = tf.memory().numTensors;
    const images = await sampler(model, schedule, zT, { steps: 4, seeds });
    expect(tf.memory().numTensors).toBe(before + 1);
    images.dispose();

    const controller = new AbortController();
    const onStep = vi.fn(() => {
      if (onStep.mock.calls.length === 2) controller.abort(new Error("enough"));
    });
    const options = { steps: 9, seeds, onStep, signal: controller.signal };
    await expect(sampler(model, schedule, zT, options)).rejects.toThrow("enough");
    expect(onStep).toHaveBeenCalledTimes(2);
    const bad = { steps: 4, seeds, onStep: () => Promise.reject(new Error("callback")) };
    await expect(sampler(model, schedule, zT, bad)).rejects.toThrow("callback");
    const broken = Object.assign(() => tf.zeros([1]) as unknown as tf.Tensor4D, {
      predictionType: "x0" as const,
    });
    await expect(sampler(broken, schedule, zT, { steps: 4, seeds })).rejects.toThrow("denoiser's output");
    expect(tf.memory().numTensors).toBe(before);
    zT.dispose();
  });

  test("shows a preview after each step", async () => {
    const zT = noise(seeds, shape);
    const seen: [number, number, number][] = [];
    const images = await sampler(model, schedule, zT, {
      times: [1, 0.6, 0.2],
      seeds,
      onStep: async ({ index, count, time, zt, x0 }) => {
        expect((await zt.data()).length).toBe((await x0.data()).length);
        seen.push([index, count, time]);
      },
    });
    expect(seen).toEqual([
      [0, 2, 0.6],
      [1, 2, 0.2],
    ]);
    tf.dispose([zT, images]);
  });

  test("ends in finite images where alphaBar is exactly 1, starting where it is 0", async () => {
    const table = tableSchedule([1, 0.7, 0.2, 0]);
    const zT = noise(seeds, shape);
    const images = await values(
      await sampler(gaussianDenoiser(schedule, "v"), table, zT, { steps: 3, seeds }),
    );
    expect(images.every((x) => Math.abs(x) <= 1)).toBe(true);
    zT.dispose();
  });

  test("refuses options that do not fit", async () => {
    const zT = noise(seeds, shape);
    const before = tf.memory().numTensors;
    const run = (options: object) => sampler(model, schedule, zT, { seeds, ...options } as never);
    await expect(run({})).rejects.toThrow("expected steps or times, got undefined");
    await expect(run({ steps: 2, times: [1, 0] })).rejects.toThrow("either steps or times, got both");
    await expect(run({ steps: 1.5 })).rejects.toThrow("steps to be a positive integer, got 1.5");
    await expect(run({ times: [1] })).rejects.toThrow("at least 2 times");
    await expect(run({ times: [0.5, 0.5, 0] })).rejects.toThrow("times in [0, 1] that fall");
    await expect(run({ steps: 2, guidance: 2 })).rejects.toThrow("labels together with guidance");
    await expect(run({ steps: 2, labels: [1] })).rejects.toThrow("3 labels, one per sample");
    expect(tf.memory().numTensors).toBe(before);
    zT.dispose();
  });
});

describe("exactness on Gaussian data, whose probability flow is known", () => {
  // zs = zt * sqrt((alpha_s^2 c^2 + sigma_s^2) / (alpha_t^2 c^2 + sigma_t^2)), c = 0.5.
  const scale = (t: number) => Math.sqrt(schedule.alphaBar(t) * 0.25 + 1 - schedule.alphaBar(t));

  async function error(sampler: Sampler, steps: number, type: PredictionType = "x0"): Promise<number> {
    const [start, end] = [0.95, 0.05];
    const times = Array.from({ length: steps + 1 }, (_, i) => start + ((end - start) * i) / steps);
    const zT = noise(seeds, shape);
    const denoiser = gaussianDenoiser(schedule, type);
    const images = await sampler(denoiser, schedule, zT, { times, seeds, clip: false });
    const exact = await values(tf.tidy(() => tf.mul(zT, scale(end) / scale(start))));
    zT.dispose();
    return largest(await values(images), exact);
  }

  test("DDIM converges with order 1, DPM-Solver++(2M) and Heun with order 2", async () => {
    expect((await error(sampleDdim, 16)) / (await error(sampleDdim, 32))).toBeCloseTo(2, 0);
    const ratios = {
      dpm: (await error(sampleDpmSolver2M, 32)) / (await error(sampleDpmSolver2M, 64)),
      heun: (await error(sampleHeun, 16)) / (await error(sampleHeun, 32)),
    };
    // Their first-order last step leaves an error of order 2 as well.
    expect(ratios.dpm).toBeGreaterThan(3.2);
    expect(ratios.heun).toBeGreaterThan(3.2);
    expect(await error(sampleHeun, 16)).toBeLessThan((await error(sampleDdim, 16)) / 4);
    expect(await error(sampleDpmSolver2M, 16)).toBeLessThan((await error(sampleDdim, 16)) / 2);
  });

  test("the prediction type makes no difference", async () => {
    for (const sampler of Object.values(samplers)) {
      const reference = await error(sampler, 8);
      for (const type of ["eps", "v", "flow"] as const) {
        expect(Math.abs((await error(sampler, 8, type)) - reference)).toBeLessThan(2e-5);
      }
    }
  });

  test.each([0, 0.5, 1])("with eta %d the spread of the samples is what the recursion says", async (eta) => {
    // zs = k zt + added noise, for pixels of deviation 0.2: Song et al. 2021, Eq. 12 and 16, written out.
    const steps = 10;
    const variance = stepTimes(steps)
      .slice(1)
      .reduce((before, s, i) => {
        const [A, S] = [Math.sqrt(schedule.alphaBar(s)), Math.sqrt(1 - schedule.alphaBar(s))];
        const alphaBar = schedule.alphaBar((steps - i) / steps);
        const [a, sigma] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
        const added = eta * (S / sigma) * Math.sqrt(1 - alphaBar / A ** 2);
        const gain = (a * 0.04) / (alphaBar * 0.04 + sigma ** 2);
        const k = A * gain + (Math.sqrt(S ** 2 - added ** 2) * (1 - a * gain)) / sigma;
        return k ** 2 * before + added ** 2;
      }, 1);
    const many = Array.from({ length: 400 }, (_, i) => i);
    const zT = noise(many, shape);
    const shifted = gaussianDenoiser(schedule, "x0", { mean: 0.2, deviation: 0.2 });
    const images = await sampleDdim(shifted, schedule, zT, { steps, eta, seeds: many });
    const moments = tf.moments(images);
    // 19,200 pixels: the sample deviation is known to 0.5 %, the mean to 0.0015.
    expect(Math.abs((await moments.mean.data())[0]! - 0.2)).toBeLessThan(0.006);
    expect(Math.abs(Math.sqrt((await moments.variance.data())[0]! / variance) - 1)).toBeLessThan(0.02);
    tf.dispose([zT, images, moments.mean, moments.variance]);
  });

  test("ancestral sampling is DDIM with eta 1", async () => {
    const zT = noise(seeds, shape);
    const a = await values(await sampleAncestral(model, schedule, zT, { steps: 3, seeds }));
    const b = await values(await sampleDdim(model, schedule, zT, { steps: 3, eta: 1, seeds }));
    expect(a).toEqual(b);
    zT.dispose();
  });
});

describe("ancestral sampling's variance", () => {
  const betas = Array.from({ length: 1000 }, (_, i) => 1e-4 + (i * (0.02 - 1e-4)) / 999);
  const alphaBars = betas.map((_, i) =>
    betas.slice(0, i + 1).reduce((product, beta) => product * (1 - beta), 1),
  );
  const ddpm = tableSchedule([1, ...alphaBars]);
  const zeros = (zt: tf.Tensor4D) => tf.zerosLike(zt);
  const grey: Denoiser = Object.assign(zeros, { predictionType: "x0" as const });
  const large: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.zerosLike(zt), {
    ...{ predictionType: "x0" as const, variance: "large" as const },
  });
  // From timestep 666 to 333, the first of three steps, and from clean grey: what is there is the added noise.
  const draw = async (denoiser: Denoiser, options: object = {}) => {
    const many = Array.from({ length: 200 }, (_, i) => i);
    const zT = tf.zeros<tf.Rank.R4>([200, 4, 4, 3]);
    const times = [0.667, 0.334];
    const images = sampleAncestral(denoiser, ddpm, zT, { times, seeds: many, clip: false, ...options });
    const found = await values(await images);
    zT.dispose();
    return found;
  };
  const deviation = (all: number[]) =>
    Math.sqrt(all.reduce((sum, value) => sum + value ** 2, 0) / all.length);

  test("is the posterior's, or that of the step up: asked for, or the denoiser's own", async () => {
    const [small, asked, own, less] = await Promise.all([
      ...[draw(grey), draw(grey, { variance: "large" }), draw(large), draw(large, { variance: "small" })],
    ]);
    expect(deviation(small!)).toBeCloseTo(0.8156, 1); // 9,600 numbers: known to 0.7 %
    const ratio = 0.982611894482968 / 0.8155931178616831; // sqrt(1 - A / B), and that times sqrt((1 - B) / (1 - A))
    expect(
      largest(
        asked!,
        small!.map((value) => value * ratio),
      ),
    ).toBeLessThan(1e-5);
    expect(own).toEqual(asked);
    expect(less).toEqual(small);
  });

  test("stays with a denoiser that is guided", () => {
    expect([withGuidance(large, 2).variance, withGuidance(grey, 2).variance]).toEqual(["large", undefined]);
  });

  test("adds nothing in a step to clean data, and is one of two", async () => {
    const clean = await draw(large, { times: [0.334, 0] });
    expect(Math.max(...clean.map(Math.abs))).toBe(0);
    await expect(draw(grey, { variance: "fixed_large" })).rejects.toThrow(
      'sampleAncestral: expected variance "small" or "large", got fixed_large.',
    );
  });
});

test("DDIM by hand: one step of the authors' sampler ends at index 0, with sigma_0 eps, then clips", async () => {
  const table = discreteCosineSchedule(64);
  const half: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.fill<tf.Rank.R4>(zt.shape, 0.5), {
    predictionType: "x0" as const,
  });
  const zT = tf.tensor4d([0.3], [1, 1, 1, 1]);
  const [image] = await values(await sampleDdim(half, table, zT, { steps: 1 }));
  const [a1, s1] = [Math.sqrt(table.alphaBar(1)), Math.sqrt(1 - table.alphaBar(1))];
  const [a0, s0] = [Math.sqrt(table.alphaBar(0)), Math.sqrt(1 - table.alphaBar(0))];
  expect(image).toBeCloseTo(a0 * 0.5 + (s0 * (0.3 - a1 * 0.5)) / s1, 6);
  zT.dispose();
});

test("eta needs a seed per image and lies in [0, 1]", async () => {
  const zT = noise(seeds, shape);
  const run = (options: object) => sampleDdim(model, schedule, zT, { steps: 2, ...options });
  await expect(run({ eta: 1 })).rejects.toThrow("sampleDdim: expected 3 seeds, one per image");
  await expect(run({ eta: 1, seeds: [1] })).rejects.toThrow("3 seeds");
  await expect(run({ eta: -1 })).rejects.toThrow("eta in [0, 1], got -1");
  await expect(sampleAncestral(model, schedule, zT, { steps: 2 } as never)).rejects.toThrow(
    "sampleAncestral",
  );
  zT.dispose();
});

describe("withGuidance", () => {
  // Answers with the label itself.
  const byLabel = Object.assign(
    (zt: tf.Tensor4D, _: Times, labels: Labels = []) =>
      tf.tidy(() =>
        tf.add<tf.Tensor4D>(tf.zerosLike(zt), tf.tensor4d([...labels], [labels.length, 1, 1, 1])),
      ),
    { predictionType: "x0" as const },
  );

  test("is uncond + scale (cond - uncond), and the conditional model at scale 1", async () => {
    const zt = tf.zeros<tf.Rank.R4>([2, 1, 1, 1]);
    const before = tf.memory().numTensors;
    expect(await values(withGuidance(byLabel, 3)(zt, [0.5, 0.5], [1, 0]))).toEqual([5, 2]);
    expect(await values(withGuidance(byLabel, 1)(zt, [0.5, 0.5], [1, 0]))).toEqual([1, 0]);
    expect(tf.memory().numTensors).toBe(before);
    zt.dispose();
  });

  test("of scale 0 a sampler draws without labels, which is not the same as no scale", async () => {
    const zT = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
    const draw = (guidance: object) =>
      sampleDdim(byLabel, schedule, zT, { steps: 1, clip: false, labels: [1], ...guidance });
    const finalAlpha = Math.sqrt(schedule.alphaBar(0)); // x0 = -1 without labels, 1 with them
    const [without, conditional] = [await draw({ guidance: 0 }), await draw({})];
    expect((await values(without))[0]).toBeCloseTo(-finalAlpha, 3);
    expect((await values(conditional))[0]).toBeCloseTo(finalAlpha, 3);
    zT.dispose();
  });

  test("refuses to run without labels or with a scale that is no number", () => {
    const zt = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
    expect(() => withGuidance(byLabel, 2)(zt, [1])).toThrow("withGuidance: expected labels to guide towards");
    expect(() => withGuidance(byLabel, NaN)).toThrow("scale to be a finite number");
    zt.dispose();
  });
});
