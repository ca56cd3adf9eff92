import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createRng, noise, restoreRng } from "../src/rng.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe("createRng", () => {
  test("equal seeds give equal streams, neighbours give uncorrelated ones", () => {
    expect(createRng(5).normals(8)).toEqual(createRng(5).normals(8));
    const [a, b] = [createRng(5).normals(10_000), createRng(6).normals(10_000)];
    // The correlation of 10,000 independent pairs has a standard deviation of 0.01.
    expect(Math.abs(mean(a.map((x, i) => x * b[i]!)))).toBeLessThan(0.04);
  });

  test("first draws of successive seeds are uniform", () => {
    const first = Array.from({ length: 10_000 }, (_, seed) => createRng(seed).uniform());
    for (let decile = 0; decile < 10; decile++) {
      const share = first.filter((u) => Math.floor(u * 10) === decile).length / first.length;
      expect(share).toBeGreaterThan(0.085);
      expect(share).toBeLessThan(0.115);
    }
  });

  test("normals have the moments of the standard normal distribution", () => {
    const z = createRng(1).normals(100_000);
    expect(Math.abs(mean(z))).toBeLessThan(0.015);
    expect(mean(z.map((x) => x ** 2))).toBeCloseTo(1, 1);
    expect(mean(z.map((x) => x ** 4))).toBeGreaterThan(2.85);
    expect(mean(z.map((x) => x ** 4))).toBeLessThan(3.15);
  });

  test("seeds beyond 32 bits and below zero are streams of their own", () => {
    const seeds = [1, -1, 2 ** 32 + 1, -(2 ** 32) + 1, 2 ** 53 - 1];
    expect(new Set(seeds.map((seed) => createRng(seed).uniform())).size).toBe(seeds.length);
  });

  test("a fork depends on seed and key, not on draws", () => {
    const parent = createRng(3);
    const early = parent.fork("a").uniform();
    parent.normals(100);
    expect(parent.fork("a").uniform()).toBe(early);
    const others = [parent.fork("b"), parent.fork("1"), parent.fork(1), createRng(4).fork("a")];
    expect(new Set([early, ...others.map((rng) => rng.uniform())]).size).toBe(5);
  });

  test("state survives JSON and continues with the very next number", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(20), (seed, draws) => {
        const rng = createRng(seed);
        rng.normals(draws);
        const copy = restoreRng(JSON.parse(JSON.stringify(rng.state())) as ReturnType<typeof rng.state>);
        expect(copy.normals(4)).toEqual(rng.normals(4));
        expect(copy.fork("x").uniform()).toBe(rng.fork("x").uniform());
      }),
      { numRuns: 30 },
    );
  });

  test("permutation holds each index once", () => {
    const order = createRng(2).permutation(50);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
  });

  test("integer covers its range and refuses an empty one", () => {
    const rng = createRng(9);
    expect(new Set(Array.from({ length: 200 }, () => rng.integer(5)))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(() => rng.integer(0)).toThrow("Rng.integer: expected below to be a positive integer, got 0");
  });

  test("refuses what is not a seed or a state", () => {
    expect(() => createRng(0.5)).toThrow("createRng: expected seed to be a safe integer, got 0.5");
    expect(() => restoreRng({ identity: [1], position: [1] })).toThrow("restoreRng: expected a state");
  });
});

describe("noise", () => {
  test("image i depends on its seed and not on the batch", () => {
    const before = tf.memory().numTensors;
    const batch = noise([7, 8, 9], [4, 4, 3]);
    const alone = noise([8], [4, 4, 3]);
    const same = tf.tidy(() => tf.equal(batch.slice([1], [1]), alone).all());
    return same.data().then(([equal]) => {
      expect(equal).toBe(1);
      tf.dispose([batch, alone, same]);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  test("refuses empty seeds and bad shapes", () => {
    expect(() => noise([], [4, 4, 3])).toThrow("noise: expected at least one seed");
    expect(() => noise([1], [4, 0, 3])).toThrow(
      "noise: expected every size in shape to be a positive integer",
    );
  });
});
