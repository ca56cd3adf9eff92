// The flow schedule, and schedules of the user's own that do not preserve variance.
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addNoise,
  cosineSchedule,
  denoisingLoss,
  flowSchedule,
  linearSchedule,
  logSNR,
  noise,
  predict,
  progressiveTarget,
  sampleAncestral,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  tableSchedule,
  type Denoiser,
  type NoiseSchedule,
  type PredictionType,
  type SamplerOptions,
} from "../../src/index.js";
import { alphaSigma } from "../../src/schedules/coefficients.js";
import { gaussianDenoiser } from "../support/denoisers.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

/** Variance that explodes: alpha 1, sigma up to 20 (Song et al. 2021, arXiv 2011.13456, Eq. 31). */
const exploding: NoiseSchedule = {
  config: { type: "flow", shift: 1 },
  alphaBar: (t) => 1 / (1 + (20 * t) ** 2),
  alphaSigma: (t) => ({ alpha: 1, sigma: 20 * t }),
};
const schedules: readonly NoiseSchedule[] = [
  cosineSchedule(),
  linearSchedule(),
  tableSchedule([1, 0.6, 0]),
  flowSchedule(),
  flowSchedule({ shift: 3 }),
  flowSchedule({ shift: 0.2 }),
  exploding,
];
const TYPES: readonly PredictionType[] = ["x0", "eps", "v", "flow"];
const anySchedule = fc.constantFrom(...schedules);
const inner = fc.double({ min: 0.02, max: 0.98, noNaN: true });
const pixel = (value: number) => tf.tensor4d([value], [1, 1, 1, 1]);

async function values(tensor: tf.Tensor): Promise<number[]> {
  const data = Array.from(await tensor.data());
  tensor.dispose();
  return data;
}
const largest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));

describe("the coefficients", () => {
  it("are 1 - u and u, exactly at the ends, with u shifted", () => {
    expect(flowSchedule().config).toEqual({ type: "flow", shift: 1 });
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), inner, (shift, t) => {
        const schedule = flowSchedule({ shift });
        const u = (shift * t) / (1 + (shift - 1) * t);
        const { alpha, sigma } = schedule.alphaSigma(t);
        expect(Math.abs(sigma - u)).toBeLessThan(1e-14);
        expect(alpha).toBe(1 - sigma);
        expect(schedule.alphaSigma(0)).toEqual({ alpha: 1, sigma: 0 });
        expect(schedule.alphaSigma(1)).toEqual({ alpha: 0, sigma: 1 });
      }),
    );
    fc.assert(fc.property(inner, (t) => flowSchedule().alphaSigma(t).sigma === t));
  });

  it("of a schedule without them are the roots of alphaBar and the rest", () => {
    const alphaBar = cosineSchedule().alphaBar(0.3);
    const expected = { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
    expect(alphaSigma(cosineSchedule(), 0.3)).toEqual(expected);
  });

  it("have the SNR of alphaBar and of logSNR, which a shift lowers by twice its log", () => {
    fc.assert(
      fc.property(anySchedule, inner, (schedule, t) => {
        const { alpha, sigma } = alphaSigma(schedule, t);
        const snr = (alpha / sigma) ** 2;
        expect(schedule.alphaBar(t)).toBeCloseTo(snr / (1 + snr), 12);
        expect(Math.exp(logSNR(schedule, t)) / snr).toBeCloseTo(1, 9);
      }),
    );
    const lower = logSNR(flowSchedule(), 0.4) - logSNR(flowSchedule({ shift: 3 }), 0.4);
    expect(lower).toBeCloseTo(2 * Math.log(3), 12);
    expect([0, 1].map((t) => logSNR(flowSchedule(), t))).toEqual([Infinity, -Infinity]);
  });

  it("that cannot be are refused by name", () => {
    for (const shift of [0, -1]) {
      expect(() => flowSchedule({ shift })).toThrow(`flowSchedule: expected shift > 0, got ${shift}.`);
    }
    expect(() => flowSchedule({ shift: NaN })).toThrow("flowSchedule: expected shift to be a finite number");
    expect(() => flowSchedule().alphaSigma(2)).toThrow("alphaSigma: expected a time in [0, 1], got 2.");
    for (const wrong of [{ alpha: -1, sigma: 1 }, { alpha: 0, sigma: 0 }, { alpha: NaN, sigma: 1 }, {}]) {
      const schedule = { ...exploding, alphaSigma: () => wrong as never };
      expect(() => alphaSigma(schedule, 0.5)).toThrow(
        "alphaSigma: expected the schedule's alpha and sigma at time 0.5 to be at least 0, and not both 0, got ",
      );
    }
  });
});

describe("predictions", () => {
  it("of every type give back the x0 and eps that a noisy image was made of, on every schedule", async () => {
    const number = fc.double({ min: -1, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(anySchedule, inner, number, number, async (schedule, t, x0, eps) => {
        const { alpha, sigma } = alphaSigma(schedule, t);
        const outputs = { x0, eps, v: alpha * eps - sigma * x0, flow: eps - x0 };
        const [clean, made] = [pixel(x0), pixel(eps)];
        const zt = addNoise(schedule, clean, made, [t]);
        for (const type of TYPES) {
          const model: Denoiser = Object.assign(() => pixel(outputs[type]), { predictionType: type });
          const got = tf.tidy(() => predict(model, schedule, zt, [t]));
          // The rounding of zt, 6e-8 of it, is divided by alpha or sigma.
          const tolerance = (3e-7 * (alpha + sigma)) / Math.min(alpha, sigma);
          expect(largest(await values(got.x0), [x0]), type).toBeLessThan(tolerance + 1e-6);
          expect(largest(await values(got.eps), [eps]), type).toBeLessThan(tolerance + 1e-6);
        }
        tf.dispose([clean, made, zt]);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("at the ends of a flow: x0, v and the flow in pure noise, where eps is refused; no eps from x0 in data", async () => {
    const schedule = flowSchedule();
    const zt = pixel(0.5);
    const says = (type: PredictionType): Denoiser =>
      Object.assign(() => pixel(0.25), { predictionType: type });
    const at = (type: PredictionType, t: number) => tf.tidy(() => predict(says(type), schedule, zt, [t]));
    const pairs = async (type: PredictionType, t: number) => {
      const { x0, eps } = at(type, t);
      return [...(await values(x0)), ...(await values(eps))];
    };
    expect(await pairs("x0", 1)).toEqual([0.25, 0.5]);
    expect(await pairs("v", 1)).toEqual([-0.25, 0.5]);
    expect(await pairs("flow", 1)).toEqual([0.25, 0.5]);
    expect(await pairs("flow", 0)).toEqual([0.5, 0.75]);
    expect(await pairs("eps", 0)).toEqual([0.5, 0.25]);
    expect(() => at("eps", 1)).toThrow('alphaBar >= 1e-20 for prediction type "eps"');
    expect(() => at("x0", 0)).toThrow("a time with noise in it (sigma > 0)");
    const loss = (type: PredictionType, times: number[]) => () =>
      tf.tidy(() => denoisingLoss({ denoiser: says(type), schedule, x0: zt, eps: zt, times }).loss);
    expect(loss("flow", [0])).toThrow(
      "denoisingLoss: expected times with noise in them (alphaBar < 1), got 0.",
    );
    expect(loss("eps", [1])).toThrow("pure noise");
    expect(await values(loss("flow", [1])())).toEqual([0.25 ** 2]);
    zt.dispose();
  });

  it("of the flow cost the plain error of eps - x0, on any schedule", async () => {
    const [x0, eps] = [noise([1, 2], [2, 2, 1]), noise([3, 4], [2, 2, 1])];
    const constant: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.fill<tf.Rank.R4>(zt.shape, 0.3), {
      predictionType: "flow" as const,
    });
    const want = await values(tf.tidy(() => tf.mean(tf.square(tf.sub(tf.sub(eps, x0), 0.3)))));
    for (const schedule of schedules) {
      const terms = denoisingLoss({ denoiser: constant, schedule, x0, eps, times: [0.2, 0.7] });
      expect((await values(terms.loss.clone()))[0]! / want[0]!).toBeCloseTo(1, 5);
      tf.dispose(terms);
    }
    tf.dispose([x0, eps]);
  });
});

describe("Euler's method on the flow", () => {
  /** A network that is no formula's: its flow at a pixel. */
  const flowAt = (z: number, t: number) => Math.sin(2 * z + 1) - t * z;
  const model: Denoiser = Object.assign(
    (zt: tf.Tensor4D, times: readonly number[]) =>
      tf.tidy(() => tf.sub<tf.Tensor4D>(tf.sin(tf.add(tf.mul(zt, 2), 1)), tf.mul(zt, times[0]!))),
    { predictionType: "flow" as const },
  );
  const euler = (z: number, times: readonly number[], u: (t: number) => number) =>
    times.slice(1).reduce((at, s, i) => at + (u(s) - u(times[i]!)) * flowAt(at, times[i]!), z);

  it.each([1, 3])("is DDIM, step for step, at shift %d", async (shift) => {
    const schedule = flowSchedule({ shift });
    const u = (t: number) => (shift * t) / (1 + (shift - 1) * t);
    const zT = noise([1, 2], [2, 2, 3]);
    const start = Array.from(await zT.data());
    const times = [1, 0.9, 0.5, 0.35, 0.1, 0];
    let step = 0;
    const images = await sampleDdim(model, schedule, zT, {
      times,
      clip: false,
      onStep: async ({ zt }) => {
        step++;
        const want = start.map((z) => euler(z, times.slice(0, step + 1), u));
        expect(largest(Array.from(await zt.data()), want)).toBeLessThan(1e-6);
      },
    });
    expect(step).toBe(5);
    tf.dispose([zT, images]);
  });

  it("is what a student's target answers for: one step of it goes where two of the teacher's do", async () => {
    const zt = noise([1, 2], [2, 2, 3]);
    const start = Array.from(await zt.data());
    const [t, s] = [0.5, 0.25];
    const target = progressiveTarget(model, flowSchedule(), zt, [t, t], { studentSteps: 4 });
    const wanted = start.map((z) => (euler(z, [t, 0.375, s], (time) => time) - z) / (s - t));
    const flow = await values(tf.sub(target.eps, target.x0));
    expect(largest(flow, wanted)).toBeLessThan(1e-5);
    tf.dispose([zt, target.x0, target.eps]);
  });
});

describe("samplers on Gaussian data, whose probability flow is known", () => {
  const data = { mean: 0.2, deviation: 0.5 };

  /** Where the probability flow takes zt from t to s: the same number of deviations from the mean. */
  const exact = (schedule: NoiseSchedule, z: number, t: number, s: number) => {
    const at = (time: number) => {
      const { alpha, sigma } = alphaSigma(schedule, time);
      return { mean: alpha * data.mean, deviation: Math.hypot(alpha * data.deviation, sigma) };
    };
    return at(s).mean + ((z - at(t).mean) / at(t).deviation) * at(s).deviation;
  };

  async function error(
    sampler: (...args: Parameters<typeof sampleHeun>) => Promise<tf.Tensor4D>,
    schedule: NoiseSchedule,
    steps: number,
  ) {
    const [start, end] = [0.95, 0.05];
    const times = Array.from({ length: steps + 1 }, (_, i) => start + ((end - start) * i) / steps);
    const zT = noise([1, 2], [2, 2, 3]);
    const from = Array.from(await zT.data());
    const options: SamplerOptions = { times, clip: false };
    const images = await sampler(gaussianDenoiser(schedule, "flow", data), schedule, zT, options);
    zT.dispose();
    return largest(
      await values(images),
      from.map((z) => exact(schedule, z, start, end)),
    );
  }

  const cases: [string, NoiseSchedule][] = [
    ["flow", flowSchedule()],
    ["flow, shift 3", flowSchedule({ shift: 3 })],
    ["cosine", cosineSchedule()],
    ["exploding variance", exploding],
  ];
  it.each(cases)(
    "%s: DDIM converges with order 1, DPM-Solver++(2M) and Heun with order 2",
    async (_, schedule) => {
      const fine = await error(sampleDdim, schedule, 128);
      expect((await error(sampleDdim, schedule, 64)) / fine).toBeCloseTo(2, 0);
      expect(
        (await error(sampleHeun, schedule, 64)) / (await error(sampleHeun, schedule, 128)),
      ).toBeGreaterThan(3);
      expect(await error(sampleDpmSolver2M, schedule, 128)).toBeLessThan(fine / 2);
    },
  );

  it("all end where the flow does, from pure noise to clean data", async () => {
    const schedule = flowSchedule();
    const bounds = [
      [sampleDdim, 5e-2],
      [sampleDpmSolver2M, 5e-3],
      [sampleHeun, 2e-3],
    ] as const;
    for (const [sampler, tolerance] of bounds) {
      const zT = noise([1, 2], [2, 2, 3]);
      const wanted = Array.from(await zT.data(), (z) => exact(schedule, z, 1, 0));
      const images = await sampler(gaussianDenoiser(schedule, "flow", data), schedule, zT, {
        steps: 64,
        clip: false,
      });
      expect(largest(await values(images), wanted), sampler.name).toBeLessThan(tolerance);
      zT.dispose();
    }
  });

  it("Heun is exact where the flow is straight", async () => {
    const straight: Denoiser = Object.assign((zt: tf.Tensor4D) => tf.fill<tf.Rank.R4>(zt.shape, 0.75), {
      predictionType: "flow" as const,
    });
    const zT = noise([1], [2, 2, 3]);
    const wanted = Array.from(await zT.data(), (z) => z - 0.75);
    const images = await sampleHeun(straight, flowSchedule({ shift: 2 }), zT, { steps: 3, clip: false });
    expect(largest(await values(images), wanted)).toBeLessThan(1e-6);
    zT.dispose();
  });

  it.each(cases)("%s: ancestral sampling keeps the spread that the recursion says", async (_, schedule) => {
    // Kingma et al. 2021 (arXiv 2107.00630), Appendix A: q(zs | zt, x0), written out.
    const times = [0.95, 0.7, 0.4, 0.2, 0.05];
    const variance = times.slice(1).reduce((before, s, i) => {
      const [from, to] = [alphaSigma(schedule, times[i]!), alphaSigma(schedule, s)];
      const ratio = from.alpha / to.alpha;
      const forward = from.sigma ** 2 - ratio ** 2 * to.sigma ** 2;
      const gain =
        (from.alpha * data.deviation ** 2) / ((from.alpha * data.deviation) ** 2 + from.sigma ** 2);
      const k = (ratio * to.sigma ** 2 + to.alpha * forward * gain) / from.sigma ** 2;
      return k ** 2 * before + (forward * to.sigma ** 2) / from.sigma ** 2;
    }, 1);
    const seeds = Array.from({ length: 400 }, (_, i) => i);
    const zT = noise(seeds, [2, 4, 3]);
    const images = await sampleAncestral(
      gaussianDenoiser(schedule, "flow", { ...data, mean: 0 }),
      schedule,
      zT,
      {
        times,
        seeds,
        clip: false,
      },
    );
    const moments = tf.moments(images);
    // 9,600 pixels: the sample deviation is known to 0.7 %.
    expect(Math.abs(Math.sqrt((await moments.variance.data())[0]! / variance) - 1)).toBeLessThan(0.03);
    tf.dispose([zT, images, moments.mean, moments.variance]);
  });
});
