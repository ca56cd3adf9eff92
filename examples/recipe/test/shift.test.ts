import * as tf from "@tensorflow/tfjs";
import {
  cosineSchedule,
  flowSchedule,
  logSNR,
  noise,
  sampleDdim,
  useBackend,
  type Denoiser,
} from "cfd-distill";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { shiftedDenoiser, shiftedSchedule, shiftedTime } from "../models/shift.js";

beforeAll(() => useBackend("cpu"));

describe("shifted times", () => {
  const schedule = cosineSchedule();

  it("have a logSNR that is lower by the shift, wherever it is not clipped", () => {
    const time = fc.double({ min: 0.02, max: 0.98, noNaN: true });
    fc.assert(
      fc.property(time, fc.double({ min: -3, max: 3, noNaN: true }), (t, shift) => {
        expect(logSNR(shiftedSchedule(schedule, shift), t)).toBeCloseTo(logSNR(schedule, t) - shift, 9);
      }),
    );
  });

  it("keep both ends, and double the noise beside the signal by ln 4", () => {
    for (const end of [0, 1]) expect(shiftedTime(end, 1.5)).toBe(end);
    expect(shiftedTime(0.5, Math.log(4))).toBeCloseTo((2 / Math.PI) * Math.atan(2), 12);
    expect(shiftedSchedule(schedule)).toBe(schedule);
    expect(() => shiftedSchedule(flowSchedule(), 1)).toThrow(
      "shift: expected a schedule that preserves variance, got a flow.",
    );
  });

  it("sample as the model does at those times", async () => {
    const model: Denoiser = Object.assign(
      (zt: tf.Tensor4D, times: readonly number[], labels?: readonly number[]) =>
        tf.mul<tf.Tensor4D>(zt, 0.1 * times[0]! + labels![0]!),
      { predictionType: "x0" as const },
    );
    const zT = noise([1, 2], [2, 2, 1]);
    const rest = { labels: [1, 1], clip: false } as const;
    const times = [1, 0.75, 0.5, 0.25, 0].map((t) => shiftedTime(t, 1));
    const shifted = [shiftedDenoiser(model, 1), shiftedSchedule(schedule, 1)] as const;
    const images = await sampleDdim(...shifted, zT, { steps: 4, ...rest });
    const expected = await sampleDdim(model, schedule, zT, { times, ...rest });
    expect(images.dataSync()).toEqual(expected.dataSync());
    const unshifted = await sampleDdim(model, schedule, zT, { steps: 4, ...rest });
    expect(images.dataSync()).not.toEqual(unshifted.dataSync());
    tf.dispose([zT, images, expected, unshifted]);
  });
});
