// What the schedules do exactly at their bounds and with what nobody sets: where a fault is not seen from far away.
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import {
  addNoise,
  cosineSchedule,
  createRng,
  discreteCosineSchedule,
  drawTimes,
  linearSchedule,
  logSNR,
  scheduleFromConfig,
  sigmoidSchedule,
  stepTimes,
  tableSchedule,
  type ScheduleConfig,
} from "../../src/index.js";
import { ratioOf } from "../../src/schedules/coefficients.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe("defaults", () => {
  test("are written into the config", () => {
    expect(cosineSchedule().config).toEqual({ type: "cosine", s: 0 });
    expect(linearSchedule().config).toEqual({ type: "linear", betaMin: 0.1, betaMax: 20 });
    expect(sigmoidSchedule().config).toEqual({ type: "sigmoid", start: -3, end: 3, tau: 1 });
    const { config } = discreteCosineSchedule(3);
    expect(config).toEqual({ type: "discreteCosine", steps: 3, s: 0.008, maxBeta: 0.999 });
    expect(tableSchedule([1, 0.5]).config).toEqual({ type: "table", alphaBars: [1, 0.5] });
  });

  test("of drawTimes leave 0 out, and both ends are drawn", () => {
    const drawn = drawTimes(createRng(1), 300, 3);
    expect(drawn).toHaveLength(300);
    expect([...new Set(drawn)].sort()).toEqual([1 / 3, 2 / 3, 1]);
    expect(stepTimes(1)).toEqual([1, 0]);
  });
});

test("a config makes the same schedule again, whatever was set", () => {
  const set = [
    cosineSchedule({ s: 0.2 }),
    linearSchedule({ betaMin: 0.5, betaMax: 4 }),
    sigmoidSchedule({ start: -2, end: 5, tau: 0.5 }),
    discreteCosineSchedule(3, { s: 0.1, maxBeta: 0.5 }),
    tableSchedule([0.9, 0.5, 0.2]),
  ];
  for (const schedule of set) {
    const again = scheduleFromConfig(schedule.config);
    expect(again.config).toEqual(schedule.config);
    for (const t of [0, 0.3, 1]) expect(again.alphaBar(t)).toBe(schedule.alphaBar(t));
  }
});

describe("formulas away from their symmetric points", () => {
  test("cosine with an offset", () => {
    const f = (t: number) => Math.cos(((t + 0.2) / 1.2) * (Math.PI / 2)) ** 2;
    const schedule = cosineSchedule({ s: 0.2 });
    for (const t of [0.1, 0.3, 0.8]) expect(schedule.alphaBar(t)).toBeCloseTo(f(t) / f(0), 14);
  });

  test("linear: the integral of betaMin + t (betaMax - betaMin)", () => {
    const schedule = linearSchedule({ betaMin: 0.5, betaMax: 4 });
    for (const t of [0.2, 0.7, 1]) {
      expect(Math.log(schedule.alphaBar(t))).toBeCloseTo(-(0.5 * t + (3.5 * t * t) / 2), 13);
    }
  });

  test("sigmoid, with a temperature and uneven ends", () => {
    const schedule = sigmoidSchedule({ start: -2, end: 5, tau: 0.5 });
    const g = (u: number) => 1 / (1 + Math.exp(-2 * u));
    for (const t of [0.1, 0.4, 0.9]) {
      expect(schedule.alphaBar(t)).toBeCloseTo((g(5) - g(-2 + 7 * t)) / (g(5) - g(-2)), 13);
    }
  });

  test("the continuous ones are clipped at logSNR 20 exactly, and not before", () => {
    const most = 1 / (1 + Math.exp(-20));
    expect(cosineSchedule().alphaBar(0)).toBe(most);
    expect(cosineSchedule().alphaBar(1)).toBe(1 / (1 + Math.exp(20)));
    const t = 1e-4; // cos^2(pi t / 2) = 1 - 2.5e-8, logSNR 17.5
    expect(cosineSchedule().alphaBar(t)).toBeCloseTo(1 - Math.sin((Math.PI * t) / 2) ** 2, 14);
    expect(logSNR(tableSchedule([1, 0.5]), 1)).toBe(0);
    expect(logSNR(tableSchedule([1, 0.5]), 0)).toBe(Infinity);
  });

  test("the discrete one: entries by hand, the clamp at the last, and one step", () => {
    const f = (u: number, s: number) => Math.cos((((u + s) / (1 + s)) * Math.PI) / 2) ** 2;
    const schedule = discreteCosineSchedule(1, { s: 0.1, maxBeta: 0.5 });
    const first = Math.max(f(0.5, 0.1) / f(0, 0.1), 0.5);
    expect(schedule.alphaBar(0)).toBeCloseTo(first, 14);
    expect(schedule.alphaBar(1)).toBeCloseTo(first * 0.5, 14);
  });

  test("a table between its entries, at thirds, and just beside one", () => {
    const [a, b, c] = [0.9, 0.5, 0.2];
    const table = tableSchedule([a, b, c]);
    const angle = (value: number) => Math.acos(Math.sqrt(value));
    const between = (from: number, to: number, share: number) =>
      Math.cos(angle(from) * (1 - share) + angle(to) * share) ** 2;
    expect(table.alphaBar(1 / 6)).toBeCloseTo(between(a, b, 1 / 3), 14);
    expect(table.alphaBar(5 / 6)).toBeCloseTo(between(b, c, 2 / 3), 14);
    // 4e-10 of an entry away it is that entry; 2e-8 away it is not.
    expect(table.alphaBar(0.5 + 2e-10)).toBe(b);
    expect(table.alphaBar(0.5 - 2e-10)).toBe(b);
    expect(table.alphaBar(0.5 + 1e-8)).toBeLessThan(b);
    expect(table.alphaBar(0.5 - 1e-8)).toBeGreaterThan(b);
  });
});

test("the ratio of two alphas or sigmas, which is 1 where a schedule is flat at 0", () => {
  expect(ratioOf(0.2, 0.8)).toBe(0.25);
  expect(ratioOf(0, 0.8)).toBe(0);
  expect(ratioOf(0, 0)).toBe(1);
});

describe("bounds from both sides", () => {
  const allowed: [string, () => unknown][] = [
    ["cosine s 0", () => cosineSchedule({ s: 0 })],
    ["linear from 0", () => linearSchedule({ betaMin: 0, betaMax: 1 })],
    ["linear, constant", () => linearSchedule({ betaMin: 2, betaMax: 2 })],
    ["discrete s 0", () => discreteCosineSchedule(1, { s: 0 })],
    ["a table of 1 and 0, and of equal entries", () => tableSchedule([1, 0.5, 0.5, 0])],
    ["times 0 and 1", () => [cosineSchedule().alphaBar(0), cosineSchedule().alphaBar(1)]],
    ["a typed table", () => tableSchedule(Float64Array.of(1, 0.5))],
  ];
  test.each(allowed)("%s goes", (_, make) => {
    expect(make).not.toThrow();
  });

  const refused: [string, () => unknown][] = [
    ["cosineSchedule: expected s >= 0, got -1e-9.", () => cosineSchedule({ s: -1e-9 })],
    [
      "cosineSchedule: expected s to be a finite number, got Infinity.",
      () => cosineSchedule({ s: Infinity }),
    ],
    [
      'linearSchedule: expected 0 <= betaMin <= betaMax and betaMax > 0, got {"betaMin":-0.1,"betaMax":1}.',
      () => linearSchedule({ betaMin: -0.1, betaMax: 1 }),
    ],
    ["and betaMax > 0, got", () => linearSchedule({ betaMin: 0, betaMax: 0 })],
    ["betaMin <= betaMax", () => linearSchedule({ betaMin: 1.1, betaMax: 1 })],
    [
      'sigmoidSchedule: expected start < end and tau > 0, got {"start":1,"end":1,"tau":1}.',
      () => sigmoidSchedule({ start: 1, end: 1 }),
    ],
    ["start < end and tau > 0", () => sigmoidSchedule({ start: 2, end: 1 })],
    ["start < end and tau > 0", () => sigmoidSchedule({ tau: -1 })],
    ["discreteCosineSchedule: expected s >= 0, got -1.", () => discreteCosineSchedule(4, { s: -1 })],
    [
      "discreteCosineSchedule: expected maxBeta between 0 and 1, got 0.",
      () => discreteCosineSchedule(4, { maxBeta: 0 }),
    ],
    ["maxBeta to be a finite number, got NaN.", () => discreteCosineSchedule(4, { maxBeta: NaN })],
    [
      "linearSchedule: expected betaMax to be a finite number, got NaN.",
      () => linearSchedule({ betaMax: NaN }),
    ],
    [
      "sigmoidSchedule: expected tau to be a finite number, got Infinity.",
      () => sigmoidSchedule({ tau: Infinity }),
    ],
    [
      "discreteCosineSchedule: expected steps to be a positive integer, got 1.5.",
      () => discreteCosineSchedule(1.5),
    ],
    ["every alphaBar in [0, 1], got 1.01 at entry 0.", () => tableSchedule([1.01, 0.5])],
    [
      "tableSchedule: expected every alphaBar in [0, 1], got -0.01 at entry 2.",
      () => tableSchedule([1, 0.5, -0.01]),
    ],
    [
      "tableSchedule: expected alphaBars that never increase, got an increase at entry 2.",
      () => tableSchedule([1, 0.4, 0.5]),
    ],
    ["drawTimes: expected count to be a positive integer, got 0.", () => drawTimes(createRng(1), 0, 4)],
    ["drawTimes: expected steps to be a positive integer, got 0.", () => drawTimes(createRng(1), 1, 0)],
    [
      "drawTimes: expected first to be 0 or 1, got -1.",
      () => drawTimes(createRng(1), 1, 4, { first: -1 as 0 }),
    ],
    ["stepTimes: expected steps to be a positive integer, got 0.5.", () => stepTimes(0.5)],
    ["stepTimes: expected at most 1000000 steps, got 1000001.", () => stepTimes(1_000_001)],
    ["drawTimes: expected at most 1000000 times, got 1000001.", () => drawTimes(createRng(1), 1_000_001, 4)],
    [
      "drawTimes: expected rng to be a random stream, see createRng, got {}.",
      () => drawTimes({} as never, 1, 4),
    ],
    [
      "tableSchedule: expected at most 1000001 alphaBars, got 1000002.",
      () => tableSchedule({ length: 1_000_002 }),
    ],
    ["tableSchedule: expected at least 2 alphaBars, got 1.", () => tableSchedule([1])],
    [
      'sigmoidSchedule: expected options that give an alphaBar at every time, got {"type":"sigmoid","start":-1e+308,',
      () => sigmoidSchedule({ start: -1e308, end: 1e308 }),
    ],
    ["sigmoidSchedule: expected start < end and tau > 0, got", () => sigmoidSchedule({ tau: 0 })],
    [
      "discreteCosineSchedule: expected maxBeta between 0 and 1, got 1.",
      () => discreteCosineSchedule(4, { maxBeta: 1 }),
    ],
    [
      "discreteCosineSchedule: expected at most 1000000 steps, got 1000001.",
      () => discreteCosineSchedule(1_000_001),
    ],
    [
      'sigmoidSchedule: expected start and end whose sigmoids differ, got {"start":50,"end":60,"tau":1}.',
      () => sigmoidSchedule({ start: 50, end: 60 }),
    ],
  ];
  test.each(refused)("%s", (message, make) => {
    expect(make).toThrow(message);
  });

  test("the most steps and alphaBars that there may be are taken", () => {
    expect(stepTimes(1_000_000)).toHaveLength(1_000_001);
    expect(drawTimes(createRng(1), 1_000_000, 1)).toHaveLength(1_000_000);
    expect(() => tableSchedule({ length: 1_000_001 })).toThrow(
      "tableSchedule: expected every alphaBar in [0, 1], got undefined at entry 0.",
    );
  });

  test("a table is a list of numbers, and nothing else that has a length", () => {
    for (const bad of [null, undefined, 3, "10", () => 0]) {
      expect(() => tableSchedule(bad as never)).toThrow(
        "tableSchedule: expected alphaBars to be an array of numbers, got ",
      );
    }
  });

  test("a schedule of somebody's own is held to [0, 1] where it is used", () => {
    const image = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
    const { config } = cosineSchedule();
    const own = { config, alphaBar: (t: number) => 2 * t };
    expect(() => addNoise(own, image, image, [1])).toThrow(
      "alphaBar: expected the schedule's alphaBar at time 1 in [0, 1], got 2.",
    );
    expect(() => addNoise({ config } as never, image, image, [1])).toThrow(
      "addNoise: expected schedule to be a noise schedule, got ",
    );
    expect(() => addNoise(cosineSchedule(), image, image, "1" as never)).toThrow(
      "addNoise: expected times to be an array of numbers, got 1.",
    );
    image.dispose();
  });

  test("a config that is none says what it would be", () => {
    const from = (config: unknown) => () => scheduleFromConfig(config as ScheduleConfig);
    for (const config of [null, undefined, 3, "cosine"]) {
      expect(from(config)).toThrow("scheduleFromConfig: expected a schedule's config, got ");
    }
    expect(from({ type: "table", alphaBars: "1, 0" })).toThrow(
      "scheduleFromConfig: expected alphaBars to be an array of numbers, got 1, 0.",
    );
    expect(from({ type: "table", alphaBars: [1, "0"] })).toThrow(
      'scheduleFromConfig: expected alphaBars to be an array of numbers, got [1,"0"].',
    );
    for (const config of [{ type: ["cosine"], s: 0 }, { type: "toString" }, {}]) {
      expect(from(config)).toThrow("scheduleFromConfig: expected type cosine, linear, sigmoid, ");
    }
    expect(from({ type: "cubic" })).toThrow(
      "scheduleFromConfig: expected type cosine, linear, sigmoid, discreteCosine, table or flow, got cubic.",
    );
  });

  test("addNoise names what is no image", () => {
    const image = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
    const flat = tf.zeros([1]) as unknown as tf.Tensor4D;
    const message = (name: string) =>
      `addNoise: expected ${name} to be a tensor [batch, height, width, channels], got `;
    expect(() => addNoise(cosineSchedule(), flat, image, [0.5])).toThrow(message("x0"));
    expect(() => addNoise(cosineSchedule(), image, flat, [0.5])).toThrow(message("eps"));
    tf.dispose([image, flat]);
  });
});
