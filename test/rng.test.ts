import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { checkRng, createRng, noise, restoreRng } from "../src/rng.js";

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
    // All of a number counts, and no text is the words of a number.
    others.push(parent.fork(1 + 2 ** 32), parent.fork("\u0001\u0000"));
    expect(new Set([early, ...others.map((rng) => rng.uniform())]).size).toBe(7);
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

describe("random streams", () => {
  test("integer takes as many values as there are, and no more", () => {
    const rng = createRng(1);
    expect(rng.integer(2 ** 32)).toBeLessThan(2 ** 32);
    for (const below of [2 ** 32 + 1, 2 ** 53, 0, 0.5, "2", 2n, NaN, Infinity]) {
      expect(() => rng.integer(below as number)).toThrow("Rng.integer: expected below to be");
    }
  });

  test("counts are counts", () => {
    for (const count of [-1, 0.5, NaN, "3", 3n, undefined]) {
      expect(() => createRng(1).normals(count as number)).toThrow(
        "Rng.normals: expected count to be a non-negative",
      );
      expect(() => createRng(1).permutation(count as number)).toThrow(
        "Rng.permutation: expected count to be",
      );
    }
    // More than memory has: refused before anything of that size is made.
    for (const method of ["normals", "permutation"] as const) {
      expect(() => createRng(1)[method](2 ** 40)).toThrow(
        `Rng.${method}: expected count to be at most 268435456, got 1099511627776.`,
      );
    }
    expect(() => noise([1, 2], [2 ** 20, 2 ** 20, 3])).toThrow(
      "noise: expected at most 268435456 numbers in all images, got 2 images of 1048576x1048576x3.",
    );
    expect([createRng(1).normals(0).length, createRng(1).permutation(0)]).toEqual([0, []]);
  });

  test.each([
    [0, 0, 0, 0],
    [1, 2, 3, 1e300],
    [1, 2, 3, 2 ** 31],
    [1, 2, 3, -(2 ** 31) - 1],
    [1, 2, 3, 0.5],
    [1, 2, 3],
    ["1", 2, 3, 4],
    [NaN, 1, 2, 3],
  ])("a state is not %o", (...words) => {
    const good = createRng(1).state();
    for (const key of ["identity", "position"]) {
      expect(() => restoreRng({ ...good, [key]: words })).toThrow(
        "restoreRng: expected a state with 4 integers of 32 bits",
      );
    }
  });

  test("a state is not nothing, and states of any stream are taken", () => {
    for (const bad of [null, undefined, 1, {}])
      expect(() => restoreRng(bad as never)).toThrow("restoreRng: expected");
    for (let seed = -20; seed < 20; seed++) {
      const rng = createRng(seed * 1e12);
      rng.normals(seed + 20);
      expect(restoreRng(JSON.parse(JSON.stringify(rng.state())) as never).uniform()).toBe(rng.uniform());
    }
  });
});

test("a permutation gives all orders equally often", () => {
  const rng = createRng(3);
  const [draws, counts] = [12_000, new Map<string, number>()];
  for (let i = 0; i < draws; i++) {
    const order = rng.permutation(4).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24); // Sattolo's cycles are 6 of them
  const expected = draws / 24;
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(49.7); // of 23 degrees of freedom, 1 in 1000 lies above
});

describe("what a seed gives for good, worked out in Python from MurmurHash3 and xoroshiro128+ as published", () => {
  test("the words that a seed and a key are mixed to", () => {
    expect(createRng(7).state().identity).toEqual([97858634, 1156142250, -496265102, 1360425451]);
    expect(createRng(-1).state().identity).toEqual([-238249480, 1856290831, 1155260487, -1659541799]);
    expect(createRng(2 ** 40 + 3).state().identity).toEqual([-601501786, -552696413, 993890931, 1338457136]);
    const [text, number] = [createRng(7).fork("a"), createRng(7).fork(5)];
    expect(text.state().identity).toEqual([1385169466, -1052610780, -1873084133, 606638749]);
    expect(number.state().identity).toEqual([1642891642, 947492264, 1646031351, -1579360043]);
  });

  test("the numbers, and the normals that two of them make", () => {
    const uniforms = [0.5859340776223689, 0.5725321450736374, 0.20299977529793978, 0.28345946804620326];
    const rng = createRng(7);
    expect(uniforms.map(() => rng.uniform())).toEqual(uniforms);
    const [u, v] = [uniforms[0]! + 0.5 / 2 ** 32, uniforms[1]!];
    const radius = Math.sqrt(-2 * Math.log(u));
    const normals = createRng(7).normals(2);
    expect(normals[0]).toBeCloseTo(radius * Math.cos(2 * Math.PI * v), 6);
    expect(normals[1]).toBeCloseTo(radius * Math.sin(2 * Math.PI * v), 6);
  });
});

test("as many numbers are drawn as are needed: two for a pair of normals, one for each exchange", () => {
  const after = (draw: (rng: ReturnType<typeof createRng>) => unknown) => {
    const rng = createRng(11);
    draw(rng);
    return rng.uniform();
  };
  const uniforms = (count: number) => after((rng) => Array.from({ length: count }, () => rng.uniform()));
  for (const [count, drawn] of [
    [0, 0],
    [1, 2],
    [2, 2],
    [3, 4],
  ] as const) {
    expect(after((rng) => rng.normals(count))).toBe(uniforms(drawn));
  }
  expect(after((rng) => rng.permutation(3))).toBe(uniforms(2));
  expect(after((rng) => rng.permutation(0))).toBe(uniforms(0));
});

test("the smallest number there is makes the largest normal: sqrt(-2 log(2^-33))", () => {
  const state = { identity: [1, 2, 3, 4], position: [5, 1, 6, -1] }; // whose low words add up to 0
  expect(restoreRng(state).uniform()).toBe(0);
  const [a, b] = restoreRng(state).normals(2);
  expect(Math.hypot(a!, b!)).toBeCloseTo(Math.sqrt(66 * Math.LN2), 5);
});

test("a state may have a zero among its words, and its two parts are looked at each", () => {
  const words = [0, -(2 ** 31), 2 ** 31 - 1, 4];
  expect(restoreRng({ identity: words, position: words }).state()).toEqual({
    identity: words,
    position: words,
  });
  const complaint =
    "restoreRng: expected a state with 4 integers of 32 bits, not all 0, each in identity and position, got ";
  for (const state of [null, { identity: words }, { position: words }]) {
    expect(() => restoreRng(state as never)).toThrow(complaint);
  }
});

test("noise is made of its seeds' normals, and says what it expected", async () => {
  const made = noise([7, 8], [1, 2, 3]);
  const normals = [createRng(7), createRng(8)].flatMap((rng) => [...rng.normals(6)]);
  expect([...(await made.data())]).toEqual(normals);
  made.dispose();
  expect(() => noise("7" as never, [1, 1, 1])).toThrow(
    "noise: expected seeds to be an array of safe integers, got 7.",
  );
  for (const shape of [{ 0: 1, 1: 1, 2: 1, length: 3 }, [4, 4], [1, 4, 4, 3], undefined]) {
    expect(() => noise([1], shape as never)).toThrow(
      "noise: expected shape to be [height, width, channels], got ",
    );
  }
  expect(() => noise([1], [2 ** 13, 2 ** 13, 8])).toThrow(
    "noise: expected at most 268435456 numbers in all images, got 1 images of 8192x8192x8.",
  );
});

test("keys are texts or safe integers, and a stream is known by its methods", () => {
  for (const key of [0.5, NaN, 2 ** 53, undefined]) {
    expect(() => createRng(1).fork(key as never)).toThrow(
      "Rng.fork: expected key to be a string or a safe integer, got ",
    );
  }
  const [uniform, integer, fork] = [() => 0, () => 0, () => createRng(1)];
  for (const part of [undefined, {}, { uniform, integer }, { integer, fork }, { uniform, fork }]) {
    expect(() => {
      checkRng(part, "somewhere");
    }).toThrow("somewhere: expected rng to be a random stream, see createRng, got ");
  }
  expect(() => {
    checkRng({ uniform, integer, fork }, "somewhere");
  }).not.toThrow();
});
