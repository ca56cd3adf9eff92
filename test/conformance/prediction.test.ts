// Noising and the conversions between x0, eps, v and flow against float64, on every schedule.
import * as tf from "@tensorflow/tfjs";
import { describe, it } from "vitest";
import {
  addNoise,
  cosineSchedule,
  discreteCosineSchedule,
  flowSchedule,
  linearSchedule,
  predict,
  sigmoidSchedule,
  tableSchedule,
  type NoiseSchedule,
} from "../../src/index.js";
import { alphaSigma } from "../../src/schedules/coefficients.js";
import { onEngine } from "./engine.js";
import { expectTensor } from "./fixtures.js";
import { image } from "./pointwise.js";
import { values } from "./values.js";

onEngine();

const schedules: Record<string, NoiseSchedule> = {
  cosine: cosineSchedule(),
  linear: linearSchedule(),
  sigmoid: sigmoidSchedule(),
  discreteCosine: discreteCosineSchedule(8),
  flow: flowSchedule({ shift: 3 }),
  table: tableSchedule([0.999, 0.9, 0.5, 0.1, 0.001]),
};
const times = [0.1, 0.5, 0.9];
const shape: [number, number, number, number] = [3, 2, 2, 3];
const perSample = 12;

/** Applies `f` to two arrays, with each sample's alpha and sigma. */
function combine(
  schedule: NoiseSchedule,
  [a, b]: readonly [ArrayLike<number>, ArrayLike<number>],
  f: (a: number, b: number, alpha: number, sigma: number) => number,
): number[] {
  return Array.from(a, (x, i) => {
    const { alpha, sigma } = alphaSigma(schedule, times[Math.floor(i / perSample)]!);
    return f(x, b[i]!, alpha, sigma);
  });
}

/** From zt and what the network says, two equations in x0 and eps (Salimans & Ho 2022, Appendix D). */
const x0From = {
  x0: (_: number, out: number) => out,
  eps: (zt: number, out: number, alpha: number, sigma: number) => (zt - sigma * out) / alpha,
  v: (zt: number, out: number, alpha: number, sigma: number) =>
    (alpha * zt - sigma * out) / (alpha ** 2 + sigma ** 2),
  flow: (zt: number, out: number, alpha: number, sigma: number) => (zt - sigma * out) / (alpha + sigma),
};
const epsFrom = {
  x0: (zt: number, out: number, alpha: number, sigma: number) => (zt - alpha * out) / sigma,
  eps: (_: number, out: number) => out,
  v: (zt: number, out: number, alpha: number, sigma: number) =>
    (sigma * zt + alpha * out) / (alpha ** 2 + sigma ** 2),
  flow: (zt: number, out: number, alpha: number, sigma: number) => (zt + alpha * out) / (alpha + sigma),
};

describe.each(Object.entries(schedules))("%s schedule", (_, schedule) => {
  it("addNoise", async () => {
    const [x0, eps] = [image("prediction/x0", shape), image("prediction/eps", shape, 1.7)];
    const zt = addNoise(schedule, x0, eps, times);
    const both = [await x0.data(), await eps.data()] as const;
    await expectTensor(
      zt,
      combine(schedule, both, (a, b, alpha, sigma) => alpha * a + sigma * b),
      2e-7,
      "zt",
    );
    tf.dispose([x0, eps, zt]);
  });

  it.each(["x0", "eps", "v", "flow"] as const)(
    "predict, of a network that says %s",
    async (predictionType) => {
      const zt = image("prediction/zt", shape, 1.7);
      const said = values("prediction/said", shape);
      const denoiser = Object.assign(() => tf.tensor4d(said, shape), { predictionType });
      const { x0, eps } = predict(denoiser, schedule, zt, times);
      const both = [await zt.data(), said] as const;
      // x0 from eps divides by alpha and eps from x0 by sigma: measured against the largest, both stay near one rounding.
      await expectTensor(x0, combine(schedule, both, x0From[predictionType]), 3e-7, "x0");
      await expectTensor(eps, combine(schedule, both, epsFrom[predictionType]), 3e-7, "eps");
      tf.dispose([zt, x0, eps]);
    },
  );
});
