import { describe, expect, it } from "vitest";
import {
  consistencyTimes,
  cosineSchedule,
  createRng,
  discreteCosineSchedule,
  flowSchedule,
  logSNR,
  tableSchedule,
  type NoiseSchedule,
} from "../../src/index.js";

const levelOf = (schedule: NoiseSchedule, t: number) => Math.exp(-logSNR(schedule, t) / 2);

describe("consistencyTimes", () => {
  it("draws noise levels that are log-normal", () => {
    const schedule = cosineSchedule();
    const { times } = consistencyTimes(createRng(2), schedule, 2000, { progress: 0 });
    const logs = times.map((t) => Math.log(levelOf(schedule, t)));
    const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
    const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
    expect(Math.abs(mean + 1.1)).toBeLessThan(0.13); // three standard errors
    expect(Math.abs(deviation - 2)).toBeLessThan(0.1);
    // Of every kind as often: the shares below -1, 0 and 1 deviation of the normal distribution.
    for (const [x, share] of [
      [-3.1, 0.1587],
      [-1.1, 0.5],
      [0.9, 0.8413],
    ] as const)
      // prettier-ignore
      expect(Math.abs(logs.filter((log) => log < x).length / logs.length - share)).toBeLessThan(0.034);
  });

  it.each([
    [0, 1],
    [0.124, 1],
    [0.125, 2],
    [0.5, 5],
    [1, 8],
  ])("at %d of the training divides by q^%i, as the paper maps noise levels", (progress, stage) => {
    for (const schedule of [cosineSchedule(), tableSchedule([0.999, 0.5, 0]), tableSchedule([1, 0.5, 0])]) {
      const { times, earlier, weights } = consistencyTimes(createRng(2), schedule, 200, { progress });
      times.forEach((t, i) => {
        const level = levelOf(schedule, t);
        const sigmoid = 1 / (1 + Math.exp(level));
        const lower = level * Math.max(0, 1 - (1 + 8 * sigmoid) / 2 ** stage);
        const [s, least] = [earlier[i]!, levelOf(schedule, 0)];
        expect(s).toBeLessThan(t);
        expect(weights[i]! * (level - lower)).toBeCloseTo(1, 9);
        if (lower <= least) expect(s).toBe(0);
        else expect(levelOf(schedule, s) / lower).toBeCloseTo(1, 6);
      });
    }
  });

  it("keeps within the noise levels of a coarse table, and takes another distribution and base", () => {
    const schedule = discreteCosineSchedule(8);
    const { times } = consistencyTimes(createRng(3), schedule, 500, { progress: 0.5 });
    expect(Math.min(...times)).toBeGreaterThan(0);
    expect(Math.max(...times)).toBeLessThan(1);
    expect(new Set(times).size).toBe(500);
    const few = { progress: 1, stages: 2, q: 4, mean: 0, deviation: 0.01 };
    const other = consistencyTimes(createRng(3), cosineSchedule(), 50, few);
    for (const [i, t] of other.times.entries()) {
      expect(Math.abs(t - 0.5)).toBeLessThan(0.02);
      const level = levelOf(cosineSchedule(), t);
      expect(1 / other.weights[i]!).toBeCloseTo((level * (1 + 8 / (1 + Math.exp(level)))) / 16, 9);
    }
  });

  it.each([
    { stages: 33, q: 2 },
    { stages: 10, q: 10 },
    { stages: 1, q: 1e10 },
  ])("has earlier times before the times, and finite weights, as near as it goes: %j", (options) => {
    for (const schedule of [cosineSchedule(), flowSchedule({ shift: 3 }), discreteCosineSchedule(1000)]) {
      const { times, earlier, weights } = consistencyTimes(createRng(6), schedule, 2000, {
        progress: 1,
        ...options,
      });
      expect(earlier.every((early, i) => early < times[i]!)).toBe(true);
      expect(weights.every(Number.isFinite)).toBe(true);
    }
  });

  it("draws one word a pair", () => {
    const [rng, other] = [createRng(4), createRng(4)];
    consistencyTimes(rng, cosineSchedule(), 3, { progress: 0 });
    for (let i = 0; i < 3; i++) other.uniform();
    expect(rng.uniform()).toBe(other.uniform());
  });

  it("refuses what is out of range", () => {
    const refused = (options: object, message: string, schedule = cosineSchedule()) => {
      const draw = () => consistencyTimes(createRng(1), schedule, 2, { progress: 0, ...options });
      expect(draw).toThrow(`consistencyTimes: expected ${message}`);
    };
    for (const progress of [-0.1, 1.1, NaN, "0"]) refused({ progress }, "progress in [0, 1]");
    refused({ stages: 0 }, "stages to be a positive integer, got 0");
    refused({ q: 1 }, "q > 1, got 1");
    refused(
      { stages: 64 },
      "q ** stages of at most 10000000000: nearer pairs are one time in float64, got 2 ** 64",
    );
    refused({ stages: 2000, q: 10 }, "q ** stages of at most 10000000000");
    refused({ mean: NaN }, "mean to be a finite number");
    refused({ deviation: 0 }, "deviation > 0, got 0");
    const reach = "mean and deviation that reach noise levels of the schedule";
    refused({ mean: 50, deviation: 1 }, reach);
    refused({}, reach, tableSchedule([0.5, 0.5]));
    expect(() => consistencyTimes(createRng(1), cosineSchedule(), 0, { progress: 0 })).toThrow(
      "positive integer",
    );
    expect(() => consistencyTimes({} as never, cosineSchedule(), 1, { progress: 0 })).toThrow(
      "rng to be a random",
    );
  });
});
