import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { cloneParams } from "../../src/models/params.js";
import { emaDecay, updateEma } from "../../src/training/ema.js";
import { cosineAnnealing, linearWarmup } from "../../src/training/learning-rates.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

describe("updateEma", () => {
  it("averages weights and copies batch-norm statistics", async () => {
    const params = { w: tf.variable(tf.tensor1d([1, -1])), mean: tf.variable(tf.scalar(5), false) };
    const ema = cloneParams(params);
    params.w.assign(tf.tensor1d([2, 1]));
    params.mean.assign(tf.scalar(9));
    const before = tf.memory().numTensors;
    updateEma(ema, params, 0.75);
    updateEma(ema, params, 0.5);
    expect([...(await ema.w!.data())]).toEqual([1.625, 0.25]); // (0.75 1 + 0.25 2 + 2) / 2, (0.75 -1 + 0.25 + 1) / 2
    expect([...(await ema.mean!.data())]).toEqual([9]);
    expect([...(await params.w.data())]).toEqual([2, 1]);
    // The copied statistics live on when the network's own change.
    params.mean.assign(tf.scalar(1));
    expect([...(await ema.mean!.data())]).toEqual([9]);
    expect(tf.memory().numTensors).toBe(before + 1); // the test's own scalar
    tf.disposeVariables();
  });

  it("refuses other networks and decays outside [0, 1], changing nothing", async () => {
    const params = { w: tf.variable(tf.scalar(1)), b: tf.variable(tf.ones([2])) };
    const ema = { w: tf.variable(tf.scalar(0)), b: tf.variable(tf.ones([3])) };
    expect(() => {
      updateEma(ema, params, 0.5);
    }).toThrow('updateEma: expected params with the names and shapes of ema, got "b" [2] instead of [3]');
    expect(() => {
      updateEma(params, { w: params.w }, 0.5);
    }).toThrow('no "b" [2]');
    for (const decay of [-0.1, 1.1, NaN])
      expect(() => {
        updateEma(params, params, decay);
      }).toThrow("decay in [0, 1]");
    expect([...(await ema.w.data())]).toEqual([0]);
    tf.disposeVariables();
  });
});

describe("rates", () => {
  it("anneals as torch's CosineAnnealingLR(optimizer of lr 2e-4, 7) does, then stays 0", () => {
    const torch = [
      0.0002, 0.0001900968867902419, 0.00016234898018587337, 0.00012225209339563145, 7.774790660436858e-5,
      3.7651019814126654e-5, 9.903113209758096e-6, 0,
    ];
    const rate = cosineAnnealing({ rate: 2e-4, steps: 7 });
    torch.forEach((expected, step) => {
      expect(Math.abs(rate(step) - expected)).toBeLessThan(1e-18);
    });
    expect(rate(100)).toBe(0);
  });

  it("warms up from 0 at the first step", () => {
    const rate = linearWarmup({ rate: 2e-4, steps: 4 });
    expect([0, 1, 2, 3, 4, 5, 1e6].map(rate)).toEqual([0, 5e-5, 1e-4, 2e-4 * 0.75, 2e-4, 2e-4, 2e-4]);
    const both = linearWarmup({ rate: cosineAnnealing({ rate: 1, steps: 10 }), steps: 5 });
    expect(both(0)).toBe(0);
    expect(both(5)).toBeCloseTo(0.5, 15);
    expect(both(10)).toBe(0);
  });

  it("refuses what is not a rate or a number of steps", () => {
    for (const make of [cosineAnnealing, linearWarmup]) {
      expect(() => make({ rate: -1, steps: 5 })).toThrow("rate to be a number >= 0, got -1");
      expect(() => make({ rate: 1, steps: 0 })).toThrow("steps to be a positive integer, got 0");
    }
  });

  it("warms an average up to its decay and no further", () => {
    expect(emaDecay(0.9999)(0)).toBe(0.1);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(1e6), (decay, step) => {
        const at = emaDecay(decay);
        expect(at(step)).toBeLessThanOrEqual(decay);
        expect(at(step + 1)).toBeGreaterThanOrEqual(at(step));
        expect(at(1e12)).toBeCloseTo(decay, 9);
      }),
    );
    expect(() => emaDecay(2)).toThrow("emaDecay: expected decay in [0, 1], got 2");
  });
});
