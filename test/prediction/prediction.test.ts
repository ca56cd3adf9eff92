import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import {
  noise,
  predict,
  tableSchedule,
  cosineSchedule,
  type Denoiser,
  type PredictionType,
} from "../../src/index.js";
import { gaussianDenoiser, scaledDenoiser } from "../support/denoisers.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

// alpha 0.6 and sigma 0.8 at t = 1.
const schedule = tableSchedule([1, 0.36]);
const answers = (value: number, predictionType: PredictionType): Denoiser =>
  Object.assign((zt: tf.Tensor4D) => tf.fill<tf.Rank.R4>(zt.shape, value), { predictionType });

async function ask(denoiser: Denoiser, z: number, clip: boolean | "x0" = false) {
  const zt = tf.tensor4d([z], [1, 1, 1, 1]);
  const before = tf.memory().numTensors;
  const { x0, eps } = predict(denoiser, schedule, zt, [1], { clip });
  expect(tf.memory().numTensors).toBe(before + 2);
  const values = [(await x0.data())[0]!, (await eps.data())[0]!];
  tf.dispose([zt, x0, eps]);
  return values;
}

describe("predict, by hand at alpha 0.6, sigma 0.8, zt = 1", () => {
  test("x0 0.5: eps = (1 - 0.6 * 0.5) / 0.8", async () => {
    const [x0, eps] = await ask(answers(0.5, "x0"), 1);
    expect(x0).toBeCloseTo(0.5, 6);
    expect(eps).toBeCloseTo(0.875, 6);
  });

  test("eps 0.5: x0 = (1 - 0.8 * 0.5) / 0.6", async () => {
    const [x0, eps] = await ask(answers(0.5, "eps"), 1);
    expect(x0).toBeCloseTo(1, 6);
    expect(eps).toBeCloseTo(0.5, 6);
  });

  test("v 0.5: x0 = 0.6 - 0.8 * 0.5, eps = 0.8 + 0.6 * 0.5", async () => {
    const [x0, eps] = await ask(answers(0.5, "v"), 1);
    expect(x0).toBeCloseTo(0.2, 6);
    expect(eps).toBeCloseTo(1.1, 6);
  });

  test("flow 0.5: x0 = (1 - 0.8 * 0.5) / 1.4, eps = (1 + 0.6 * 0.5) / 1.4", async () => {
    const [x0, eps] = await ask(answers(0.5, "flow"), 1);
    expect(x0).toBeCloseTo(0.6 / 1.4, 6);
    expect(eps).toBeCloseTo(1.3 / 1.4, 6);
  });

  test("clip true recomputes eps, clip x0 keeps it", async () => {
    const [x0, eps] = await ask(answers(3, "x0"), 1, true);
    expect(x0).toBe(1);
    expect(eps).toBeCloseTo((1 - 0.6) / 0.8, 6);
    const [kept0, kept] = await ask(answers(3, "x0"), 1, "x0");
    expect(kept0).toBe(1);
    expect(kept).toBeCloseTo((1 - 1.8) / 0.8, 6);
  });
});

test("all prediction types of one model agree", async () => {
  const continuous = cosineSchedule();
  const zt = noise([1, 2, 3], [4, 4, 3]);
  const times = [0.1, 0.5, 0.9];
  const reference = predict(gaussianDenoiser(continuous, "x0"), continuous, zt, times);
  for (const type of ["eps", "v", "flow"] as const) {
    const other = predict(gaussianDenoiser(continuous, type), continuous, zt, times);
    const difference = tf.tidy(() => tf.sub(reference.x0, other.x0).abs().max());
    expect((await difference.data())[0]).toBeLessThan(5e-6);
    tf.dispose([other.x0, other.eps, difference]);
  }
  tf.dispose([zt, reference.x0, reference.eps]);
});

describe("what cannot be", () => {
  const zt = () => tf.ones<tf.Rank.R4>([1, 2, 2, 3]);
  const zeroTerminal = tableSchedule([1, 0.5, 0]);

  test("eps at zero terminal SNR says why; x0, v and flow go", () => {
    expect(() => tf.tidy(() => predict(answers(0, "eps"), zeroTerminal, zt(), [1]).x0)).toThrow(
      /predict: expected alphaBar >= 1e-20 for prediction type "eps" \(.*pure noise.*\), got 0\./,
    );
    for (const type of ["x0", "v", "flow"] as const) {
      tf.tidy(() => {
        predict(answers(0, type), zeroTerminal, zt(), [1], { clip: true });
      });
    }
  });

  test("eps from x0 where there is no noise", () => {
    expect(() => tf.tidy(() => predict(answers(0, "x0"), zeroTerminal, zt(), [0]).x0)).toThrow("sigma > 0");
  });

  test("wrong shapes, labels, options and types, without a leak", () => {
    const image = zt();
    const flat = tf.zeros([4]) as unknown as tf.Tensor4D;
    const small = tf.zeros<tf.Rank.R4>([1, 1, 1, 3]);
    const weight = tf.variable(tf.scalar(1));
    const before = tf.memory().numTensors;
    const model = scaledDenoiser(weight, "x0");
    expect(() => predict(model, schedule, flat, [1])).toThrow("predict: expected zt to be a tensor");
    expect(() => predict(model, schedule, image, [1, 1])).toThrow("1 times, one per sample, got 2 times");
    expect(() => predict(model, schedule, image, [1], { labels: [1, 2] })).toThrow("1 labels");
    expect(() => predict(model, schedule, image, [1], { labels: [-2] })).toThrow("integer >= -1, got -2");
    expect(() => predict(model, schedule, image, [1], { clip: "x1" as "x0" })).toThrow(
      "clip to be true, false",
    );
    const shrinks = Object.assign(() => small, { predictionType: "x0" as const });
    expect(() => predict(shrinks, schedule, image, [1])).toThrow("denoiser's output and zt of one shape");
    expect(() => predict(answers(0, "x1" as "x0"), schedule, image, [1])).toThrow(
      'predictionType "x0", "eps"',
    );
    expect(() => predict({} as Denoiser, schedule, image, [1])).toThrow("expected a denoiser");
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([image, flat, small, weight]);
  });
});
