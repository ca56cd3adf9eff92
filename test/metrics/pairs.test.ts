// Fixture: python scripts/reference/make_metrics_files.py.
import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../../src/index.js";
import { decodeSafetensors } from "../../src/formats/index.js";
import {
  gatherFeatures,
  inceptionScore,
  kernelDistance,
  precisionRecall,
  statistics,
  type Features,
} from "../../src/metrics/index.js";
import { squaredDistances } from "../../src/metrics/pairs.js";

const fixture = decodeSafetensors(await readFile("test/fixtures/metrics/features.safetensors"));
const numbers = (name: string) => [...(fixture[name]!.data as Float64Array)];
const vectors = (name: string): Features => ({
  values: fixture[name]!.data as Float32Array,
  width: fixture[name]!.shape[1]!,
});
const [a, b, logits] = [vectors("a"), vectors("b"), vectors("logits")];

const first = ({ values, width }: Features, count: number): Features => ({
  values: values.slice(0, count * width),
  width,
});
const of = (width: number, ...values: number[]): Features => ({ values: Float32Array.from(values), width });
const constant = (value: number, count: number) => of(2, ...Array<number>(2 * count).fill(value));
const close = (value: number | undefined, expected: number, tolerance: number) => {
  expect(Math.abs(value! - expected)).toBeLessThan(tolerance);
};

function shuffled({ values, width }: Features, seed: number): Features {
  const order = createRng(seed).permutation(values.length / width);
  return of(width, ...order.flatMap((i) => [...values.slice(i * width, (i + 1) * width)]));
}

/** Two sets of 8 to 30 vectors, integers so that equal distances come about. */
const anySets = fc
  .record({
    seed: fc.nat(),
    counts: fc.tuple(fc.integer({ min: 8, max: 30 }), fc.integer({ min: 8, max: 30 })),
  })
  .map(({ seed, counts }) => {
    const rng = createRng(seed);
    return counts.map((count) => of(3, ...Array.from({ length: 3 * count }, () => rng.integer(7)))) as [
      Features,
      Features,
    ];
  });

describe("gatherFeatures", () => {
  it("keeps every vector of a stream in order, and statistics reads what it gathered", async () => {
    const batches = [
      tf.tensor2d([
        [0, 1],
        [2, 1],
      ]),
      tf.tensor2d([[4, 4]]),
    ];
    async function* come() {
      for (const batch of batches) yield await Promise.resolve(batch);
    }
    const before = tf.memory().numTensors;
    const gathered = await gatherFeatures(come());
    expect(gathered).toEqual(of(2, 0, 1, 2, 1, 4, 4));
    expect(tf.memory().numTensors).toBe(before);
    expect(await statistics(gathered)).toEqual({
      mean: Float64Array.of(2, 2),
      covariance: Float64Array.of(4, 3, 3, 3),
      count: 3,
    });
    tf.dispose(batches);
  });

  it("statistics of many gathered vectors are those of their tensor", async () => {
    const values = createRng(1).normals(700 * 3);
    const tensor = tf.tensor2d(values, [700, 3]);
    const [whole, inBlocks] = [await statistics(tensor), await statistics({ values, width: 3 })];
    expect(inBlocks.count).toBe(700);
    inBlocks.covariance.forEach((value, i) => {
      close(value, whole.covariance[i]!, 1e-13);
    });
    tensor.dispose();
  });

  it("refuses what is not features", async () => {
    const [wide, narrow, bad] = [
      tf.ones<tf.Rank.R2>([1, 3]),
      tf.ones<tf.Rank.R2>([1, 2]),
      tf.tensor2d([[NaN]]),
    ];
    await expect(gatherFeatures([])).rejects.toThrow(
      "gatherFeatures: expected at least 1 feature vector, got 0",
    );
    await expect(gatherFeatures([wide, narrow])).rejects.toThrow(
      "gatherFeatures: expected batches of width 3, got 2",
    );
    await expect(gatherFeatures(bad)).rejects.toThrow("gatherFeatures: expected finite features, got NaN");
    await expect(gatherFeatures(tf.scalar(1) as tf.Tensor as tf.Tensor2D)).rejects.toThrow(
      "feature tensors [count, width]",
    );
    const torn = { values: new Float32Array(5), width: 2 };
    await expect(statistics(torn)).rejects.toThrow(
      "statistics: expected features.width to divide 5 values, got 2",
    );
    tf.disposeVariables();
    tf.dispose([wide, narrow, bad]);
  });
});

describe("squaredDistances", () => {
  it("is the sum of squared differences, for any number of vectors", () => {
    const [x, y] = [of(2, 0, 0, 3, 4, 1, 1), of(2, 0, 0, 1, 0, 0, 2, 5, 5, -1, -1)];
    expect([...squaredDistances(x.values, y.values, 2)]).toEqual([
      0, 1, 4, 50, 2, 25, 20, 13, 5, 41, 2, 1, 2, 32, 8,
    ]);
  });
});

describe("kernelDistance", () => {
  const whole = (count: number) => ({ subsets: 1, subsetSize: count });

  it("is numpy's number on whole sets", () => {
    const { mean, std, standardError } = kernelDistance(first(a, 53), b, whole(53));
    close(mean, numbers("kernel")[0]!, 1e-12);
    expect([std, standardError]).toEqual([0, undefined]);
  });

  it("counts each pair once across blocks: (x.y / width + 1)^3 of constants", () => {
    // k(1, 1) = 8, k(2, 2) = 125, k(1, 2) = 27
    close(kernelDistance(constant(1, 600), constant(2, 600), whole(600)).mean, 8 + 125 - 54, 1e-9);
  });

  it("averages over subsets, with an error bar that holds the value of the whole", () => {
    const rng = createRng(5);
    const set = (shift: number) => ({ values: rng.normals(6000).map((v) => v + shift), width: 3 });
    const [x, y] = [set(0), set(0.3)];
    const { mean, std, standardError } = kernelDistance(x, y, { subsets: 20, subsetSize: 100, seed: 1 });
    close(standardError, std / Math.sqrt(19), 1e-12);
    expect(Math.abs(mean - kernelDistance(x, y, whole(2000)).mean)).toBeLessThan(4 * standardError!);
    expect(kernelDistance(x, y, { subsets: 20, subsetSize: 100, seed: 1 }).mean).toBe(mean);
    expect(kernelDistance(x, y, { subsets: 20, subsetSize: 100, seed: 2 }).mean).not.toBe(mean);
  });

  it("has mean 0 over pairs of subsets of one distribution: unbiased", () => {
    const rng = createRng(6);
    const [x, y] = [0, 0].map(() => ({ values: rng.normals(8000), width: 1 })) as [Features, Features];
    const { mean, standardError } = kernelDistance(x, y, { subsets: 400, subsetSize: 20 });
    expect(Math.abs(mean)).toBeLessThan(4 * standardError!);
  });

  it("is symmetric and blind to the order of vectors", () => {
    fc.assert(
      fc.property(anySets, fc.nat(), ([x, y], seed) => {
        const count = Math.min(x.values.length, y.values.length) / 3;
        const [p, q] = [first(x, count), first(y, count)];
        const { mean } = kernelDistance(p, q, whole(count));
        const scale = 1e-12 * 13 ** 3 * 4;
        close(kernelDistance(q, p, whole(count)).mean, mean, scale);
        close(kernelDistance(shuffled(p, seed), q, whole(count)).mean, mean, scale);
      }),
      { numRuns: 30 },
    );
  });

  it("is finite where features collapse", () => {
    expect(kernelDistance(constant(1, 9), constant(1, 9), { subsets: 3, subsetSize: 9 })).toEqual({
      mean: 0,
      std: 0,
      standardError: 0,
    });
  });

  it("refuses what it cannot compare", () => {
    const message = "kernelDistance: expected ";
    expect(() => kernelDistance(a, b)).toThrow(
      message + "subsetSize from 2 to the smaller count of 61 and 53, got 1000",
    );
    expect(() => kernelDistance(a, b, whole(1))).toThrow(message + "subsetSize from 2 to");
    expect(() => kernelDistance(a, b, { subsets: 0, subsetSize: 9 })).toThrow(
      message + "subsets to be a positive integer, got 0",
    );
    expect(() => kernelDistance(a, logits)).toThrow(message + "features of one width, got [5,7]");
    expect(() => kernelDistance(a, of(1, Infinity))).toThrow(message + "finite numbers in b, got Infinity");
    expect(() => kernelDistance(a, { values: [1] as never, width: 1 })).toThrow(
      message + "b.values to be a Float32Array",
    );
    expect(() => kernelDistance({ values: new Float32Array(4), width: 0 }, b)).toThrow(
      message + "a.width to divide 4 values, got 0",
    );
  });
});

describe("inceptionScore", () => {
  it("is numpy's number", () => {
    const { mean, std } = inceptionScore(logits, { splits: 4 });
    const [expectedMean, expectedStd] = numbers("inception");
    close(mean, expectedMean!, 1e-13);
    close(std, expectedStd!, 1e-13);
  });

  it("has its closed forms: 1 for equal images, the classes for certain and even ones, also at extreme logits", () => {
    close(inceptionScore(constant(3, 20)).mean, 1, 1e-14);
    expect(inceptionScore(constant(3, 20)).std).toBeLessThan(1e-14);
    const certain = of(3, 1e30, 0, 0, 0, 1e30, 0, 0, 0, 1e30);
    close(inceptionScore(certain, { splits: 1 }).mean, 3, 1e-14);
    expect(inceptionScore(first(certain, 1), { splits: 1 })).toEqual({ mean: 1, std: 0 });
    // p = (3/4, 1/4) and (1/4, 3/4): exp(log 2 - H(1/4))
    const even = of(2, Math.log(3), 0, 0, Math.log(3));
    const entropy = -0.25 * Math.log(0.25) - 0.75 * Math.log(0.75);
    close(inceptionScore(even, { splits: 1 }).mean, 2 * Math.exp(-entropy), 1e-7); // logits are float32
  });

  it("does not depend on the order within a split, nor on a constant added to an image's logits", () => {
    const { mean } = inceptionScore(logits, { splits: 1 });
    close(inceptionScore(shuffled(logits, 3), { splits: 1 }).mean, mean, 1e-13);
    const moved = { ...logits, values: logits.values.map((value, i) => value + 8 * Math.floor(i / 7)) };
    close(inceptionScore(moved, { splits: 1 }).mean, mean, 1e-4);
  });

  it("refuses fewer images than splits", () => {
    const message = "inceptionScore: expected ";
    expect(() => inceptionScore(constant(1, 9))).toThrow(message + "splits from 1 to the 9 images, got 10");
    expect(() => inceptionScore(constant(1, 9), { splits: 0 })).toThrow(
      message + "splits from 1 to the 9 images, got 0",
    );
    expect(() => inceptionScore(of(1, NaN), { splits: 1 })).toThrow(
      message + "finite numbers in logits, got NaN",
    );
  });
});

describe("precisionRecall", () => {
  const list = ({ precision, recall, density, coverage }: ReturnType<typeof precisionRecall>) => [
    precision,
    recall,
    density,
    coverage,
  ];

  it("is numpy's, at two k", () => {
    for (const k of [3, 5]) {
      list(precisionRecall(a, b, { k })).forEach((value, i) => {
        close(value, numbers(`precision.k${k}`)[i]!, 1e-12);
      });
    }
    expect(precisionRecall(a, b)).toEqual(precisionRecall(a, b, { k: 5 }));
  });

  it("does not depend on the blocks", () => {
    // On a line with distance 1 between neighbours, shifted by 1/4: each point
    // is within 1 of two of the others, at an end of the overlap of one. Shifted by 500 more, 100 points overlap.
    const line = (shift: number) => of(1, ...Array.from({ length: 600 }, (_, i) => i + shift));
    expect(list(precisionRecall(line(0), line(0.25), { k: 1 }))).toEqual([1, 1, 1199 / 600, 1]);
    expect(list(precisionRecall(line(0), line(500.25), { k: 1 }))).toEqual([
      100 / 600,
      100 / 600,
      199 / 600,
      100 / 600,
    ]);
  });

  it("swaps precision and recall when its arguments swap, and is blind to the order of vectors", () => {
    fc.assert(
      fc.property(anySets, fc.integer({ min: 1, max: 7 }), ([x, y], k) => {
        const [forth, back] = [precisionRecall(x, y, { k }), precisionRecall(y, x, { k })];
        expect([back.recall, back.precision]).toEqual([forth.precision, forth.recall]);
        expect(precisionRecall(shuffled(x, k), shuffled(y, k + 1), { k })).toEqual(forth);
      }),
    );
  });

  it("is 1 for identical sets, also for collapsed ones, and 0 for sets far apart", () => {
    const same = precisionRecall(a, a, { k: 3 });
    expect([same.precision, same.recall, same.coverage]).toEqual([1, 1, 1]);
    close(same.density, 4 / 3, 1e-12); // balls hold their surface, and k + 1 vectors
    expect(list(precisionRecall(constant(1, 6), constant(1, 6)))).toEqual([1, 1, 6 / 5, 1]);
    expect(list(precisionRecall(constant(1, 6), constant(2, 7)))).toEqual([0, 0, 0, 0]);
  });

  it("refuses fewer than k + 1 vectors", () => {
    const message = "precisionRecall: expected ";
    expect(() => precisionRecall(first(a, 5), b)).toThrow(
      message + "k from 1 to one less than 5 and 53 vectors, got 5",
    );
    expect(() => precisionRecall(a, b, { k: 0 })).toThrow(
      message + "k from 1 to one less than 61 and 53 vectors, got 0",
    );
    expect(() => precisionRecall(a, logits)).toThrow(message + "features of one width, got [5,7]");
    expect(() => precisionRecall(of(5, 1, 2, 3, 4, NaN), b)).toThrow(
      message + "finite numbers in real, got NaN",
    );
  });
});
