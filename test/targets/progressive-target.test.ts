import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  cosineSchedule,
  discreteCosineSchedule,
  flowSchedule,
  noise,
  progressiveTarget,
  sampleDdim,
  type NoiseSchedule,
  type PredictionType,
} from "../../src/index.js";
import { gaussianDenoiser, scaledDenoiser } from "../support/denoisers.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const shape: [number, number, number] = [2, 2, 3];

async function maxDifference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const difference = tf.tidy(() => tf.sub(a, b).abs().max());
  const value = (await difference.data())[0]!;
  difference.dispose();
  return value;
}

async function stepsApart(schedule: NoiseSchedule, type: PredictionType, studentSteps: number, i: number) {
  const teacher = gaussianDenoiser(schedule, type, { mean: 0.3, deviation: 0.4 });
  const zt = noise([1, 2], shape);
  const target = progressiveTarget(teacher, schedule, zt, [i / studentSteps, i / studentSteps], {
    studentSteps,
  });
  // One DDIM step of a student that answers the target ...
  const student = Object.assign(() => target.x0, { predictionType: "x0" as const });
  const to = (i - 1) / studentSteps;
  const one = await sampleDdim(student, schedule, zt, { times: [i / studentSteps, to], clip: false });
  // ... lands where two DDIM steps of the teacher do.
  const times = [i / studentSteps, (2 * i - 1) / (2 * studentSteps), to];
  const two = await sampleDdim(teacher, schedule, zt, { times, clip: false });
  const apart = await maxDifference(one, two);
  tf.dispose([zt, target.x0, target.eps, one, two]);
  return apart;
}

test("a student that answers the target lands where the teacher's two steps do", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<NoiseSchedule[]>(
        cosineSchedule(),
        discreteCosineSchedule(64),
        flowSchedule(),
        flowSchedule({ shift: 3 }),
      ),
      fc.constantFrom("x0", "eps", "v", "flow"),
      fc.constantFrom(1, 2, 4, 8, 32),
      fc.nat(),
      async (schedule, type, studentSteps, k) => {
        expect(await stepsApart(schedule, type, studentSteps, 1 + (k % studentSteps))).toBeLessThan(2e-4);
      },
    ),
    { numRuns: 40, seed: 1 },
  );
});

test("eps goes with x0: zt = alpha x0 + sigma eps", async () => {
  const schedule = cosineSchedule();
  const zt = noise([1, 2], shape);
  const { x0, eps } = progressiveTarget(gaussianDenoiser(schedule, "v"), schedule, zt, [0.25, 0.75], {
    studentSteps: 4,
  });
  const alpha = tf.tensor4d(
    [0.25, 0.75].map((t) => Math.sqrt(schedule.alphaBar(t))),
    [2, 1, 1, 1],
  );
  const sigma = tf.tensor4d(
    [0.25, 0.75].map((t) => Math.sqrt(1 - schedule.alphaBar(t))),
    [2, 1, 1, 1],
  );
  const again = tf.tidy(() => x0.mul(alpha).add(eps.mul(sigma)));
  expect(await maxDifference(again, zt)).toBeLessThan(1e-6);
  tf.dispose([zt, x0, eps, alpha, sigma, again]);
});

test("no gradient reaches the teacher, and nothing leaks", () => {
  const weight = tf.variable(tf.scalar(0.5));
  const own = tf.variable(tf.scalar(2));
  const zt = noise([1], shape);
  const before = tf.memory().numTensors;
  const { grads, value } = tf.variableGrads(() => {
    const teacher = scaledDenoiser(weight, "x0");
    const { x0 } = progressiveTarget(teacher, cosineSchedule(), zt, [1], { studentSteps: 1 });
    return tf.sum<tf.Scalar>(tf.mul(x0, own));
  });
  expect(Object.keys(grads)).toEqual([own.name]);
  tf.dispose([grads, value]);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose([weight, own, zt]);
});

describe("what does not divide is refused, without a leak", () => {
  const cosine = cosineSchedule();
  const table = discreteCosineSchedule(8);
  test.each([
    [cosine, [0.5], 0, "studentSteps to be a positive integer, got 0"],
    [cosine, [0.5], 1.5, "studentSteps to be a positive integer, got 1.5"],
    [cosine, [0.3], 4, "every time to be i / studentSteps, i = 1..4, got [0.3]"],
    [cosine, [0], 4, "every time to be i / studentSteps, i = 1..4, got [0]"],
    [cosine, [0.5, 1], 2, "1 times, one per sample, got 2 times"],
    [table, [1], 8, "studentSteps whose double divides the 8 steps of the schedule, got 8"],
    [table, [1], 3, "studentSteps whose double divides the 8 steps of the schedule, got 3"],
  ])("%#", (schedule, times, studentSteps, message) => {
    const zt = noise([1], shape);
    const before = tf.memory().numTensors;
    const teacher = gaussianDenoiser(schedule, "x0");
    expect(() => progressiveTarget(teacher, schedule, zt, times, { studentSteps })).toThrow(
      `progressiveTarget: expected ${message}`,
    );
    expect(tf.memory().numTensors).toBe(before);
    zt.dispose();
  });
});
