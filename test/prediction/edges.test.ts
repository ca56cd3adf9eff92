// What predict asks of a denoiser, and where it refuses: at the bounds, in full words.
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { predict, tableSchedule, type Denoiser, type PredictionType } from "../../src/index.js";
import { checkEpsDeterminesX0, toOutput } from "../../src/prediction/predict.js";
import { alphaSigma } from "../../src/schedules/coefficients.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const schedule = tableSchedule([1, 0.36]); // alpha 0.6, sigma 0.8 at t = 1
const zt = () => tf.ones<tf.Rank.R4>([1, 1, 1, 2]);
const constant = (value: number, predictionType: PredictionType): Denoiser =>
  Object.assign((z: tf.Tensor4D) => tf.fill<tf.Rank.R4>(z.shape, value), { predictionType });

test("a denoiser is asked with labels where there are some, and without an argument where there are none", () => {
  const asked: unknown[][] = [];
  const spy = Object.assign(
    (...question: Parameters<Denoiser>) => {
      asked.push(question.slice(1));
      return tf.zerosLike(question[0]);
    },
    { predictionType: "x0" as const },
  );
  tf.tidy(() => {
    predict(spy, schedule, zt(), [1]);
    predict(spy, schedule, zt(), [1], { labels: [-1] });
    predict(spy, schedule, zt(), [1], { labels: [3] });
  });
  expect(asked).toEqual([[[1]], [[1], [-1]], [[1], [3]]]);
});

test("nothing is clipped unless it is asked for, and x0 only where eps is to stay", async () => {
  const inTurn = [
    [undefined, 3, -1],
    [false, 3, -1],
    ["x0", 1, -1],
    [true, 1, 0.5],
  ] as const; // eps = (1 - 0.6 x0) / 0.8
  for (const [clip, x0, eps] of inTurn) {
    const got = tf.tidy(() => predict(constant(3, "x0"), schedule, zt(), [1], { clip }));
    expect((await got.x0.data())[0]).toBeCloseTo(x0, 6);
    expect((await got.eps.data())[0]).toBeCloseTo(eps, 6);
    tf.dispose([got.x0, got.eps]);
  }
  const low = tf.tidy(() => predict(constant(-3, "x0"), schedule, zt(), [1], { clip: true }).x0);
  expect([...(await low.data())]).toEqual([-1, -1]);
  low.dispose();
});

describe("toOutput", () => {
  test("is the inverse, by hand: alpha eps - sigma x0 for v", async () => {
    const x0 = tf.fill<tf.Rank.R4>([1, 1, 1, 1], 0.5);
    const eps = tf.fill<tf.Rank.R4>([1, 1, 1, 1], -2);
    const at = [alphaSigma(schedule, 1)];
    expect(toOutput("x0", { x0, eps }, at)).toBe(x0);
    expect(toOutput("eps", { x0, eps }, at)).toBe(eps);
    const v = tf.tidy(() => toOutput("v", { x0, eps }, at));
    expect((await v.data())[0]).toBeCloseTo(0.6 * -2 - 0.8 * 0.5, 6);
    expect(() => toOutput("x1" as "x0", { x0, eps }, at)).toThrow("predict: expected predictionType ");
    tf.dispose([x0, eps, v]);
  });
});

describe("refusals", () => {
  const asking =
    (denoiser: Denoiser, alphaBar: number, time = 1) =>
    () =>
      tf.tidy(() => predict(denoiser, tableSchedule([1, alphaBar]), zt(), [time]).x0);

  test("eps where alphaBar is below 1e-20, and not at it", () => {
    expect(asking(constant(0, "eps"), 1.01e-20)).not.toThrow();
    expect(asking(constant(0, "eps"), 0.98e-20)).toThrow(
      "predict: expected alphaBar >= 1e-20 for prediction type",
    );
    expect(asking(constant(0, "v"), 0)).not.toThrow();
    expect(asking(constant(0, "x0"), 0)).not.toThrow();
  });

  test("x0 where there is no noise, in full words", () => {
    expect(asking(constant(0, "x0"), 0.5, 0)).toThrow(
      "predict: expected a time with noise in it (sigma > 0) to compute eps from x0, got alphaBar = 1.",
    );
    expect(asking(constant(0, "v"), 0.5, 0)).not.toThrow();
  });

  test("one time without noise among others, and pure noise only where eps is predicted", () => {
    const pair = tf.zeros<tf.Rank.R4>([2, 1, 1, 1]);
    for (const times of [
      [0, 1],
      [1, 0],
    ]) {
      expect(() => predict(constant(0, "x0"), tableSchedule([1, 0.5]), pair, times)).toThrow(
        "predict: expected a time with noise in it",
      );
    }
    pair.dispose();
    const pure = [{ alpha: 0, sigma: 1 }];
    for (const type of ["x0", "v"] as const)
      expect(() => {
        checkEpsDeterminesX0(type, pure);
      }).not.toThrow();
    expect(() => {
      checkEpsDeterminesX0("eps", pure);
    }).toThrow("predict: expected alphaBar >= 1e-20");
  });

  test("what is no schedule, and an answer of another shape, by name", () => {
    const z = zt();
    expect(() => predict(constant(0, "x0"), {} as never, z, [1])).toThrow(
      "predict: expected schedule to be a noise schedule, got {}.",
    );
    const other = Object.assign(() => tf.zeros<tf.Rank.R4>([1, 1, 1, 3]), { predictionType: "x0" as const });
    expect(() => predict(other, schedule, z, [1])).toThrow(
      "predict: expected the denoiser's output and zt of one shape, got ",
    );
    z.dispose();
  });

  test("what is no denoiser and what it should not answer", () => {
    expect(asking(undefined as unknown as Denoiser, 0.5)).toThrow(
      "predict: expected a denoiser (a function with a predictionType), got undefined.",
    );
    const flat = Object.assign(() => tf.zeros([2]) as unknown as tf.Tensor4D, {
      predictionType: "x0" as const,
    });
    expect(asking(flat, 0.5)).toThrow(
      "predict: expected the denoiser's output to be a tensor [batch, height, width, channels], got a tensor of shape [2].",
    );
    const z = zt();
    expect(() => predict(constant(0, "x0"), schedule, z, [1], { clip: 1 as unknown as true })).toThrow(
      'predict: expected clip to be true, false or "x0", got 1.',
    );
    expect(() => predict(constant(0, "x0"), schedule, z, [2])).toThrow(
      "predict: expected every time in [0, 1], got 2.",
    );
    expect(() => predict(constant(0, "x0"), schedule, z, [1], { labels: [1.5] })).toThrow(
      "predict: expected every label to be an integer >= -1, got 1.5.",
    );
    z.dispose();
  });
});
