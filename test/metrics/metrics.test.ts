import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { frechetDistance } from "../../src/metrics/frechet.js";
import { statistics, type FeatureStatistics } from "../../src/metrics/statistics.js";
import { createRng } from "../../src/rng.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

/** The integers of the numpy script below: ((i^2 a + i b) % 101) / 50 - 1, times scale. */
function features(count: number, width: number, [a, b]: [number, number], scale = 1): tf.Tensor2D {
  const value = (_: unknown, i: number) => Math.fround(((i * i * a + i * b) % 101) / 50 - 1) * scale;
  return tf.tensor2d(Float32Array.from({ length: count * width }, value), [count, width]);
}

const close = (value: number | undefined, expected: number, tolerance: number) => {
  expect(Math.abs(value! - expected)).toBeLessThan(tolerance);
};

function gaussian(mean: number[], deviations: number[]): FeatureStatistics {
  const width = mean.length;
  const covariance = new Float64Array(width * width);
  deviations.forEach((deviation, i) => (covariance[i * width + i] = deviation ** 2));
  return { mean: Float64Array.from(mean), covariance, count: 100 };
}

// numpy 2.4, scipy 1.17, with A = features(40, 6, [7, 3]) and B = features(30, 6, [5, 11], 1.5), both float32:
//   A.mean(0)[:2], np.cov(A.T)[0, :3]
//   ((A.mean(0) - B.mean(0))**2).sum() + np.trace(C1) + np.trace(C2) - 2 * np.trace(scipy.linalg.sqrtm(C1 @ C2)).real
const MEAN = [0.026500003784894942, -0.04050000058487058];
const COVARIANCE = [0.3887258995856078, 0.1061776968789425, 0.032129743080981654];
const DISTANCE = 1.043326662602576;
const DISTANCE_OF_FEW = 6.470970255609403; // A[:4] and B[:5]: fewer vectors than features

describe("statistics", () => {
  it("is numpy's mean and cov", async () => {
    const a = features(40, 6, [7, 3]);
    const before = tf.memory().numTensors;
    const { mean, covariance, count } = await statistics(a);
    expect(tf.memory().numTensors).toBe(before);
    expect(count).toBe(40);
    MEAN.forEach((expected, i) => {
      close(mean[i], expected, 1e-14);
    });
    COVARIANCE.forEach((expected, i) => {
      close(covariance[i], expected, 1e-14);
    });
    expect(covariance[2 * 6 + 5]).toBe(covariance[5 * 6 + 2]);
    a.dispose();
  });

  it("does not depend on the batches, given at once or as they come", async () => {
    const all = features(40, 6, [7, 3]);
    const whole = await statistics(all);
    const parts = tf.split<tf.Tensor2D>(all, [1, 12, 27]);
    async function* come() {
      for (const part of parts) yield await Promise.resolve(part);
    }
    for (const split of [await statistics(parts), await statistics(come())]) {
      expect(split.count).toBe(40);
      split.mean.forEach((mean, i) => {
        close(mean, whole.mean[i]!, 1e-14);
      });
      split.covariance.forEach((value, i) => {
        close(value, whole.covariance[i]!, 1e-14);
      });
    }
    tf.dispose([all, ...parts]);
  });

  it("keeps its digits far from zero", async () => {
    const far = tf.tensor2d([[1e6], [1e6 + 1], [1e6 + 2]]);
    const parts = tf.split<tf.Tensor2D>(far, 3);
    close((await statistics(parts)).covariance[0], 1, 1e-9);
    tf.dispose([far, ...parts]);
  });

  it("refuses what has no covariance", async () => {
    const [one, nan, wide, flat] = [
      tf.ones([1, 2]),
      tf.tensor2d([
        [1, NaN],
        [0, 0],
      ]),
      tf.ones([2, 3]),
      tf.ones([4]),
    ];
    const message = "statistics: expected ";
    await expect(statistics([])).rejects.toThrow(message + "at least 2 feature vectors, got 0");
    await expect(statistics(one as tf.Tensor2D)).rejects.toThrow(
      message + "at least 2 feature vectors, got 1",
    );
    await expect(statistics(nan)).rejects.toThrow(message + "finite features, got NaN");
    await expect(statistics([one, wide] as tf.Tensor2D[])).rejects.toThrow(
      message + "batches of width 2, got 3",
    );
    await expect(statistics(flat as unknown as tf.Tensor2D)).rejects.toThrow(
      "feature tensors [count, width]",
    );
    tf.dispose([one, nan, wide, flat]);
  });
});

describe("frechetDistance", () => {
  // A variance below 3 epsilon of the largest is taken for none: up to 2 sqrt(3 epsilon) 10 10 a feature.
  it("has its closed form on diagonal covariances", () => {
    const numbers = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(numbers, (x) => {
        const [m1, s1, m2, s2] = [x.slice(0, 3), x.slice(3, 6), x.slice(6, 9), x.slice(9)];
        const terms = m1.map((m, i) => (m - m2[i]!) ** 2 + (Math.abs(s1[i]!) - Math.abs(s2[i]!)) ** 2);
        const expected = terms.reduce((sum, term) => sum + term);
        close(frechetDistance(gaussian(m1, s1), gaussian(m2, s2)), expected, 1.6e-5);
      }),
    );
  });

  it("is scipy's number, also for fewer vectors than features", async () => {
    const [a, b] = [features(40, 6, [7, 3]), features(30, 6, [5, 11], 1.5)];
    close(frechetDistance(await statistics(a), await statistics(b)), DISTANCE, 1e-12);
    const [fewA, fewB] = [a.slice([0, 0], [4, 6]), b.slice([0, 0], [5, 6])];
    close(frechetDistance(await statistics(fewA), await statistics(fewB)), DISTANCE_OF_FEW, 1e-6);
    tf.dispose([a, b, fewA, fewB]);
  });

  it("is 0 for equal sets, symmetric, and blind to the order of features", async () => {
    const rng = createRng(3);
    const [x, y] = [tf.tensor2d(rng.normals(300), [60, 5]), tf.tensor2d(rng.normals(400), [80, 5])];
    const [a, b] = [await statistics(x), await statistics(y)];
    expect(frechetDistance(a, a)).toBeLessThan(1e-9);
    close(frechetDistance(a, b), frechetDistance(b, a), 1e-12);
    const reordered = [x, y].map((z) => tf.reverse(z, 1));
    const distance = frechetDistance(await statistics(reordered[0]!), await statistics(reordered[1]!));
    close(distance, frechetDistance(a, b), 1e-12);
    tf.dispose([x, y, ...reordered]);
  });

  it("is finite for collapsed features: what is left is the distance of the means and the other's variance", () => {
    const [collapsed, other] = [gaussian([1, 2], [0, 0]), gaussian([4, 6], [2, 0])];
    expect(frechetDistance(collapsed, collapsed)).toBe(0);
    expect(frechetDistance(collapsed, other)).toBe(9 + 16 + 4);
    expect(frechetDistance(other, collapsed)).toBe(9 + 16 + 4);
  });

  it("refuses statistics that do not fit", () => {
    const a = gaussian([0, 0], [1, 1]);
    const message = "frechetDistance: expected ";
    expect(() => frechetDistance(a, gaussian([0], [1]))).toThrow(
      message + "statistics of one width, got [2,1]",
    );
    expect(() => frechetDistance({ ...a, count: 1 }, a)).toThrow(message + "a.count to be at least 2, got 1");
    expect(() => frechetDistance(a, gaussian([NaN, 0], [1, 1]))).toThrow(
      message + "finite numbers in b, got NaN",
    );
    const short = { ...a, covariance: new Float64Array(3) };
    expect(() => frechetDistance(a, short)).toThrow(message + "b.covariance to have 4 entries, got 3");
  });
});
