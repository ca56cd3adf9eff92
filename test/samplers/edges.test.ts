// One step of each sampler by hand, and what samplers say of what they do not take, in full words.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  createRng,
  sampleAncestral,
  sampleDdim,
  sampleDpmSolver2M,
  sampleHeun,
  tableSchedule,
  withGuidance,
  type Denoiser,
} from "../../src/index.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

/** alpha 0.6, sigma 0.8 at t = 1; alpha 0.8, sigma 0.6 at t = 1/2. */
const schedule = tableSchedule([1, 0.64, 0.36]);
const scaled = (factor: number): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, factor), { predictionType: "x0" as const });
const start = (...numbers: number[]) => tf.tensor4d(numbers, [1, 1, 1, numbers.length]);
async function numbersOf(sampled: Promise<tf.Tensor4D>): Promise<number[]> {
  const images = await sampled;
  const numbers = [...(await images.data())];
  images.dispose();
  return numbers;
}

describe("a step by hand", () => {
  it("of Heun: the mean of two slopes along the angle, then DDIM's last step", async () => {
    const zT = start(1.5);
    const slope = (z: number, alpha: number, sigma: number) => {
      const x0 = 0.5 * z;
      return (alpha * (z - alpha * x0)) / sigma - sigma * x0;
    };
    const turn = Math.atan2(0.6, 0.8) - Math.atan2(0.8, 0.6);
    const here = slope(1.5, 0.6, 0.8);
    const there = slope(1.5 + turn * here, 0.8, 0.6);
    const next = 1.5 + (turn * (here + there)) / 2;
    const got = await numbersOf(sampleHeun(scaled(0.5), schedule, zT, { steps: 2, clip: false }));
    expect(got[0]).toBeCloseTo(0.5 * next, 6);
    zT.dispose();
  });

  it("of DPM-Solver++(2M): x0 is carried on along the last two", async () => {
    const zT = start(1.5);
    const table = tableSchedule([0.9, 0.64, 0.36, 0.1]);
    const [a, b, c] = [0.1, 0.36, 0.64].map((alphaBar) => Math.log(alphaBar / (1 - alphaBar)));
    const at = (alphaBar: number) => [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)] as const;
    const step = (z: number, data: number, from: number, to: number) => {
      const [[alpha, sigma], [alphaTo, sigmaTo]] = [at(from), at(to)];
      return (z * sigmaTo) / sigma + data * (alphaTo - (alpha * sigmaTo) / sigma);
    };
    const first = 0.5 * 1.5;
    const z1 = step(1.5, first, 0.1, 0.36);
    const ratio = (b! - a!) / (c! - b!);
    const z2 = step(z1, 0.5 * z1 + (0.5 * z1 - first) / (2 * ratio), 0.36, 0.64);
    const z3 = step(z2, 0.5 * z2, 0.64, 0.9);
    const got = await numbersOf(sampleDpmSolver2M(scaled(0.5), table, zT, { steps: 3, clip: false }));
    expect(got[0]).toBeCloseTo(z3, 5);
    zT.dispose();
  });

  it("of ancestral sampling: the posterior's spread, in noise of the seed's own stream", async () => {
    const zT = start(1, -2);
    const options = { times: [1, 0.5], seeds: [9], clip: false } as const;
    const got = await numbersOf(sampleAncestral(scaled(0), schedule, zT, options));
    const spread = (0.6 / 0.8) * Math.sqrt(1 - (0.6 / 0.8) ** 2);
    const rest = Math.sqrt(0.6 ** 2 - spread ** 2);
    const noise = createRng(9).fork("added noise").normals(2);
    [1, -2].forEach((z, i) => {
      expect(got[i]).toBeCloseTo((rest * z) / 0.8 + spread * noise[i]!, 6);
    });
    expect(await numbersOf(sampleDdim(scaled(0), schedule, zT, { ...options, eta: 1 }))).toEqual(got);
    const none = await numbersOf(sampleDdim(scaled(0), schedule, zT, { ...options, eta: 0 }));
    [1, -2].forEach((z, i) => {
      expect(none[i]).toBeCloseTo((0.6 * z) / 0.8, 6);
    });
    zT.dispose();
  });

  it("is clipped to [-1, 1] unless it is told otherwise", async () => {
    const zT = start(4, -4);
    const sample = (clip?: "x0" | boolean) =>
      numbersOf(
        sampleDdim(scaled(0), schedule, zT, { times: [1, 0.5], ...(clip !== undefined && { clip }) }),
      );
    for (const clip of [undefined, true]) expect(await sample(clip)).toEqual([1, -1]);
    for (const clip of ["x0", false] as const) {
      const [a, b] = await sample(clip);
      expect(a).toBeCloseTo(3, 5); // 0.6 of 4 / 0.8
      expect(b).toBeCloseTo(-3, 5);
    }
    zT.dispose();
  });
});

describe("refusals in full words", () => {
  const sample = (options: object, denoiser: unknown = scaled(1)) =>
    complaint(async () => {
      const zT = tf.zeros<tf.Rank.R4>([2, 1, 1, 1]);
      try {
        tf.dispose(await sampleDdim(denoiser as Denoiser, schedule, zT, { steps: 1, ...options }));
      } finally {
        zT.dispose();
      }
    });
  it("of samplers", async () => {
    const cases: [object, string][] = [
      [{ seeds: [1] }, "2 seeds, one per image, got 1 seeds."],
      [{ eta: 1 }, "2 seeds, one per image, to add noise, got undefined."],
      [{ eta: 1.5 }, "eta in [0, 1], got 1.5."],
      [{ signal: null }, "signal to be an AbortSignal, got null."],
      [{ signal: {} }, "signal to be an AbortSignal, got {}."],
      [{ onStep: 3 }, "onStep to be a function, got 3."],
      [{ guidance: 2 }, "labels together with guidance, got undefined."],
      [{ times: [1, 0] }, "either steps or times, got both."],
      [{ steps: undefined }, "steps or times, got undefined."],
      [{ steps: undefined, times: [1] }, "at least 2 times, where to start and where to end, got [1]."],
      [{ steps: undefined, times: [0.5, 0.5] }, "times in [0, 1] that fall, got [0.5,0.5]."],
      [{ clip: "all" }, 'clip to be true, false or "x0", got all.'],
      [{ step: 1 }, "option steps, got step."],
    ];
    for (const [options, message] of cases) {
      expect(await sample(options)).toBe(`sampleDdim: expected ${message}`);
    }
    expect(await sample({}, 3)).toBe(
      "sampleDdim: expected a denoiser (a function with a predictionType), got 3.",
    );
  });

  it("of guidance, which asks with the labels and without, at the same times", async () => {
    const asked: unknown[][] = [];
    const spy = Object.assign(
      (...[zt, times, labels]: Parameters<Denoiser>) => {
        asked.push([times, labels]);
        return tf.mul<tf.Tensor4D>(zt, tf.tensor4d([3, 3, 1, 1], [4, 1, 1, 1]));
      },
      { predictionType: "x0" as const },
    );
    const zt = tf.ones<tf.Rank.R4>([2, 1, 1, 1]);
    const guided = tf.tidy(() => withGuidance(spy, 0.25)(zt, [1, 0.5], [4, -1]));
    expect([...(await guided.data())]).toEqual([1.5, 1.5]); // 1 + 0.25 (3 - 1)
    expect(asked).toEqual([
      [
        [1, 0.5, 1, 0.5],
        [4, -1, -1, -1],
      ],
    ]);
    guided.dispose();
    const ask = (...given: unknown[]) =>
      complaint(() => withGuidance(spy, 2)(...(given as Parameters<Denoiser>)));
    const said = "withGuidance: expected ";
    expect(await ask(zt, [1, 1])).toBe(`${said}labels to guide towards, got undefined.`);
    expect(await ask(3, [1], [1])).toBe(`${said}zt to be a tensor [batch, height, width, channels], got 3.`);
    expect(await ask(zt, [1], [1, 1])).toBe(`${said}2 times, one per sample, got 1 times.`);
    expect(await ask(zt, [1, 1], [1])).toBe(`${said}2 labels, one per sample, got 1 labels.`);
    expect(await complaint(() => withGuidance(3 as never, 1))).toBe(
      `${said}a denoiser (a function with a predictionType), got 3.`,
    );
    expect(await complaint(() => withGuidance(spy, NaN))).toBe(
      `${said}scale to be a finite number, got NaN.`,
    );
    zt.dispose();
  });
});
