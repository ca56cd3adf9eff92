import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  addNoise,
  cosineSchedule,
  createRng,
  discreteCosineSchedule,
  drawTimes,
  flowSchedule,
  linearSchedule,
  logSNR,
  scheduleFromConfig,
  sigmoidSchedule,
  stepTimes,
  tableSchedule,
  type NoiseSchedule,
  type ScheduleConfig,
} from "../../src/index.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const schedules: Record<string, NoiseSchedule> = {
  cosine: cosineSchedule(),
  "cosine, s 0.008": cosineSchedule({ s: 0.008 }),
  linear: linearSchedule(),
  sigmoid: sigmoidSchedule(),
  discreteCosine: discreteCosineSchedule(64),
  table: tableSchedule([1, 0.9, 0.3, 0]),
  flow: flowSchedule(),
  "flow, shift 3": flowSchedule({ shift: 3 }),
};

describe.each(Object.entries(schedules))("%s schedule", (name, schedule) => {
  test("falls from (almost) 1 to (almost) 0 and stays within [0, 1]", () => {
    const values = Array.from({ length: 201 }, (_, i) => schedule.alphaBar(i / 200));
    values.forEach((value, i) => {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(values[i - 1] ?? 1);
    });
    expect(values[0]).toBeGreaterThan(0.998);
    expect(values[200]).toBeLessThan(1e-4);
  });

  test("logSNR is that of alphaBar, and within [-20, 20] if the schedule is continuous", () => {
    for (const t of [0, 0.1, 0.5, 0.9, 1]) {
      const alphaBar = schedule.alphaBar(t);
      const expected = Math.log(alphaBar / (1 - alphaBar));
      const value = logSNR(schedule, t);
      if (Number.isFinite(expected)) expect(Math.abs(value - expected)).toBeLessThan(1e-6);
      else expect(value).toBe(expected);
      if (!/discreteCosine|table|flow/.test(name)) expect(Math.abs(value)).toBeLessThanOrEqual(20 + 1e-6);
    }
  });

  test("is made again from its config, bit for bit, through JSON", () => {
    const again = scheduleFromConfig(JSON.parse(JSON.stringify(schedule.config)) as ScheduleConfig);
    for (let i = 0; i <= 100; i++) expect(again.alphaBar(i / 100)).toBe(schedule.alphaBar(i / 100));
  });

  test("refuses times outside [0, 1]", () => {
    for (const t of [-0.01, 1.01, NaN]) {
      expect(() => schedule.alphaBar(t)).toThrow(`alphaBar: expected a time in [0, 1], got ${String(t)}.`);
    }
  });
});

describe("formulas", () => {
  test("cosine: alphaBar = cos^2(pi t / 2), clipped at both ends", () => {
    expect(cosineSchedule().alphaBar(0.25)).toBeCloseTo(Math.cos(Math.PI / 8) ** 2, 14);
    expect(logSNR(cosineSchedule(), 0)).toBeCloseTo(20, 6);
    expect(logSNR(cosineSchedule(), 1)).toBeCloseTo(-20, 6);
  });

  test("linear: log alphaBar = -0.1 t - 19.9 t^2 / 2", () => {
    expect(Math.log(linearSchedule().alphaBar(0.5))).toBeCloseTo(-0.05 - 19.9 / 8, 12);
  });

  test("sigmoid is symmetric about t = 1/2", () => {
    const sigmoid = sigmoidSchedule();
    for (const t of [0.1, 0.25, 0.4])
      expect(sigmoid.alphaBar(t) + sigmoid.alphaBar(1 - t)).toBeCloseTo(1, 12);
  });

  test("the authors' table: figures of the released code", () => {
    expect(Math.sqrt(1 - discreteCosineSchedule(1024).alphaBar(0))).toBeCloseTo(0.00634, 5);
    expect(Math.sqrt(1 - discreteCosineSchedule(64).alphaBar(0))).toBeCloseTo(0.0342, 4);
    // f((i + 1) / (T + 1)) / f(0) up to the clamp, which acts at the last entry only: times 1 - 0.999.
    const f = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    const schedule = discreteCosineSchedule(64);
    for (let i = 0; i < 64; i++) expect(schedule.alphaBar(i / 64)).toBeCloseTo(f((i + 1) / 65) / f(0), 13);
    expect(schedule.alphaBar(1)).toBeCloseTo(schedule.alphaBar(63 / 64) * 0.001, 15);
  });

  test("a table interpolates the angle, and i / N hits entry i for every N", () => {
    const table = tableSchedule([1, 0.5]); // angles 0 and pi / 4
    expect(table.alphaBar(0.5)).toBeCloseTo(Math.cos(Math.PI / 8) ** 2, 14);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), (n, k) => {
        const values = Array.from({ length: n + 1 }, (_, i) => 1 - i / n);
        const i = k % (n + 1);
        expect(tableSchedule(values).alphaBar(i / n)).toBe(values[i]);
      }),
    );
  });

  test("refuses impossible options", () => {
    expect(() => cosineSchedule({ s: -1 })).toThrow("cosineSchedule: expected s >= 0, got -1");
    expect(() => linearSchedule({ betaMin: 3, betaMax: 1 })).toThrow("linearSchedule: expected 0 <= betaMin");
    expect(() => sigmoidSchedule({ tau: 0 })).toThrow("sigmoidSchedule: expected start < end and tau > 0");
    expect(() => sigmoidSchedule({ start: -1e308, end: 1e308 })).toThrow(
      "sigmoidSchedule: expected options that give an alphaBar at every time, got ",
    );
    expect(() => sigmoidSchedule({ taau: 1 } as object)).toThrow(
      "sigmoidSchedule: expected option tau, got taau",
    );
    expect(() => discreteCosineSchedule(0)).toThrow("steps to be a positive integer, got 0");
    expect(() => discreteCosineSchedule(8, { maxBeta: 1 })).toThrow("maxBeta between 0 and 1");
    expect(() => tableSchedule([1])).toThrow("tableSchedule: expected at least 2 alphaBars, got 1");
    expect(() => tableSchedule([1, NaN])).toThrow("every alphaBar in [0, 1], got NaN at entry 1");
    expect(() => tableSchedule([0.5, 0.6])).toThrow("never increase, got an increase at entry 1");
    expect(() => discreteCosineSchedule(1e9)).toThrow(
      "discreteCosineSchedule: expected at most 1000000 steps",
    );
    expect(discreteCosineSchedule(1e6).alphaBar(1)).toBeLessThan(1e-3);
    expect(() => tableSchedule({ length: 1e9 })).toThrow("tableSchedule: expected at most 1000001 alphaBars");
    const table = (alphaBars: unknown[]) => () => scheduleFromConfig({ type: "table", alphaBars } as never);
    expect(table(["1", "0"])).toThrow("scheduleFromConfig: expected alphaBars to be an array of numbers");
    expect(table([{ toString: 1 }, 0])).toThrow("alphaBars to be an array of numbers");
    expect(() => scheduleFromConfig({ type: "cosine", s: 0, tau: 1 } as never)).toThrow(
      "scheduleFromConfig: expected only the options type, s, got tau",
    );
    expect(() => scheduleFromConfig({ type: { toString: 1 } } as never)).toThrow("expected type cosine,");
    expect(() => scheduleFromConfig({ type: "cubic" } as never)).toThrow("scheduleFromConfig: expected type");
  });
});

describe("times", () => {
  test("stepTimes falls from 1 to exactly 0", () => {
    expect(stepTimes(3)).toEqual([1, 2 / 3, 1 / 3, 0]);
    expect(() => stepTimes(0)).toThrow("stepTimes: expected steps to be a positive integer");
    expect(() => stepTimes(1e9)).toThrow("stepTimes: expected at most 1000000 steps, got 1000000000.");
  });

  test("drawTimes covers i / steps from `first` on", () => {
    const drawn = (first: 0 | 1) => new Set(drawTimes(createRng(1), 400, 4, { first }));
    expect(drawn(1)).toEqual(new Set([0.25, 0.5, 0.75, 1]));
    expect(drawn(0)).toEqual(new Set([0, 0.25, 0.5, 0.75, 1]));
    expect(() => drawTimes(createRng(1), 2, 4, { first: 2 as 1 })).toThrow("first to be 0 or 1");
  });
});

describe("addNoise", () => {
  test("zt = alpha x0 + sigma eps, one time per sample", async () => {
    const x0 = tf.tensor4d([1, -1], [2, 1, 1, 1]);
    const eps = tf.tensor4d([2, 3], [2, 1, 1, 1]);
    const before = tf.memory().numTensors;
    const zt = addNoise(tableSchedule([1, 0.36]), x0, eps, [1, 0]);
    expect(tf.memory().numTensors).toBe(before + 1);
    const [first, second] = await zt.data();
    expect(first).toBeCloseTo(0.6 * 1 + 0.8 * 2, 6);
    expect(second).toBeCloseTo(-1, 6);
    tf.dispose([x0, eps, zt]);
  });

  test("refuses shapes and times that do not fit", () => {
    const image = tf.zeros<tf.Rank.R4>([2, 2, 2, 3]);
    const other = tf.zeros<tf.Rank.R4>([2, 2, 2, 1]);
    const flat = tf.zeros([2, 4]) as unknown as tf.Tensor4D;
    const add = (x0: tf.Tensor4D, eps: tf.Tensor4D, times: number[]) => () =>
      addNoise(cosineSchedule(), x0, eps, times);
    expect(add(image, other, [0, 1])).toThrow("addNoise: expected x0 and eps of one shape, got [2, 2, 2, 3]");
    expect(add(flat, flat, [0, 1])).toThrow("x0 to be a tensor [batch, height, width, channels]");
    expect(add(image, image, [0.5])).toThrow("addNoise: expected 2 times, one per sample, got 1 times");
    expect(add(image, image, [0.5, 1.5])).toThrow("every time in [0, 1], got 1.5");
    tf.dispose([image, other, flat]);
  });
});
