import { createRng } from "cfd-distill";
import { imageSet, type ImageSet, type Picture } from "cfd-distill/data";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { augment, drawAugmented } from "../../datasets/augment/augment.js";
import { cutout, mirror, rotate, shift } from "../../datasets/augment/moves.js";
import { applyStep, autoAugment, cifar10Policy, operations } from "../../datasets/augment/policy.js";
import { onWasmWithoutLeaks } from "../../../../test/support/no-leaks.js";

onWasmWithoutLeaks();

const pictures = fc
  .record({
    width: fc.integer({ min: 1, max: 12 }),
    height: fc.integer({ min: 1, max: 12 }),
    seed: fc.integer(),
  })
  .map(({ width, height, seed }): Picture => {
    const rng = createRng(seed);
    return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => rng.integer(256)) };
  });

/** Picture i of a set, whose every value is i + 1. */
const plainSet = (count: number, side = 32): ImageSet =>
  imageSet({
    images: Uint8Array.from(
      { length: count * side * side * 3 },
      (_, i) => 1 + Math.floor(i / (side * side * 3)),
    ),
    labels: Array.from({ length: count }, (_, i) => i % 2),
    classes: ["a", "b"],
    shape: [side, side, 3],
  });

describe("laws of the operations", () => {
  const { invert, posterize, autoContrast, brightness, solarize } = operations;

  it("hold for any picture", () => {
    fc.assert(
      fc.property(pictures, fc.integer({ min: -5, max: 5 }), (picture, by) => {
        expect(invert.apply(invert.apply(picture))).toEqual(picture);
        expect(mirror(mirror(picture))).toEqual(picture);
        expect(rotate(picture, 0)).toEqual(picture);
        expect(shift(picture, 0, 0)).toEqual(picture);
        expect(mirror(shift(mirror(picture), by, 0))).toEqual(shift(picture, -by, 0));
        expect(posterize.apply(picture, 8)).toEqual(picture);
        expect(solarize.apply(picture, 256)).toEqual(picture);
        expect(solarize.apply(picture, 0)).toEqual(invert.apply(picture));
        expect(brightness.apply(picture, 1)).toEqual(picture);
      }),
      { numRuns: 60 },
    );
  });

  it("autoContrast makes the smallest value of a channel 0 and the largest 255, or 254 where Pillow cuts off", () => {
    fc.assert(
      fc.property(pictures, (picture) => {
        const { data } = autoContrast.apply(picture);
        for (const c of [0, 1, 2]) {
          const [before, after] = [picture.data, data].map((values) => values.filter((_, i) => i % 3 === c));
          if (new Set(before).size === 1) expect(after).toEqual(before);
          else expect([Math.min(...after!), Math.max(...after!) >= 254]).toEqual([0, true]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("every operation keeps the size and leaves its input alone, at every magnitude", () => {
    const names = Object.keys(operations) as (keyof typeof operations)[];
    fc.assert(
      fc.property(
        pictures,
        fc.constantFrom(...names),
        fc.nat(9),
        fc.boolean(),
        (picture, name, magnitude, up) => {
          const before = picture.data.slice();
          const { width, height, data } = applyStep(picture, [name, 1, magnitude], up ? 1 : -1);
          expect([width, height, data.length]).toEqual([picture.width, picture.height, picture.data.length]);
          expect(data).not.toBe(picture.data);
          expect(picture.data).toEqual(before);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("moves of a 3x2 picture", () => {
  const grey = [128, 128, 128];
  const [a, b, c, d, e, f] = [1, 2, 3, 4, 5, 6].map((v) => [v, v, v]);
  const picture: Picture = {
    width: 3,
    height: 2,
    data: Uint8Array.from([a, b, c, d, e, f].flat() as number[]),
  };
  const rows = ({ data }: Picture) => [...data];

  it("shift fills what comes from outside with grey, mirror swaps left and right", () => {
    expect(rows(shift(picture, 1, 0))).toEqual([b, c, grey, e, f, grey].flat());
    expect(rows(shift(picture, -2, 1))).toEqual([grey, grey, d, grey, grey, grey].flat());
    expect(rows(mirror(picture))).toEqual([c, b, a, f, e, d].flat());
    expect(rows(rotate(picture, 180))).toEqual([f, e, d, c, b, a].flat());
  });

  it("cutout blackens a square, cut off at the rim", () => {
    const black = [0, 0, 0];
    expect(rows(cutout(picture, 0, 0, 2))).toEqual([black, b, c, d, e, f].flat());
    expect(rows(cutout(picture, 2, 1, 2))).toEqual([a, black, black, d, black, black].flat());
  });
});

describe("autoAugment", () => {
  const picture: Picture = {
    width: 8,
    height: 8,
    data: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256),
  };

  it("draws every sub-policy about equally often, and its operations with their probabilities", () => {
    // An rng that counts: the first draw is the sub-policy, then a sign and a probability for each operation.
    const draws: number[] = [];
    const results = new Set<string>();
    const rng = createRng(3);
    for (let i = 0; i < 3000; i++) {
      const counted = { ...rng, integer: (below: number) => draws[draws.push(rng.integer(below)) - 1]! };
      results.add(autoAugment(picture, counted).data.join());
    }
    const counts = cifar10Policy.map((_, policy) => draws.filter((drawn) => drawn === policy).length);
    for (const count of counts) expect(Math.abs(count - 120)).toBeLessThan(55); // five standard deviations
    expect(results.size).toBeGreaterThan(60);
  });

  it("applies an operation as often as its probability says, with either sign", () => {
    const rng = createRng(4);
    const always = { ...rng, integer: () => 10 }; // color 0.7, then translateX 0.5
    const outcomes = Array.from({ length: 2000 }, () => autoAugment(picture, always).data);
    // After translateX by 8 the first or the last three columns are grey.
    const column = (data: Uint8Array, x: number) =>
      [...data.subarray(x * 3, x * 3 + 3)].join() === "128,128,128";
    const right = outcomes.filter((data) => column(data, 7)).length / outcomes.length;
    const left = outcomes.filter((data) => column(data, 0)).length / outcomes.length;
    expect(right).toBeCloseTo(0.25, 1);
    expect(left).toBeCloseTo(0.25, 1);
  });
});

describe("augment", () => {
  it("gives the same for the same stream, another for another", () => {
    const picture: Picture = { width: 32, height: 32, data: new Uint8Array(3072).fill(200) };
    const once = (seed: number) => augment(picture, createRng(seed)).data;
    expect(once(1)).toEqual(once(1));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => once(seed).join())).size).toBeGreaterThan(15);
  });

  it("mirrors where a draw is below one half", () => {
    const data = Uint8Array.from({ length: 3072 }, (_, i) => (Math.floor(i / 3) % 32 < 16 ? 200 : 100));
    const bright = (draw: number) => {
      const draws = [draw];
      const rng = { ...createRng(9), uniform: () => draws.pop() ?? 0.999 };
      const out = augment({ width: 32, height: 32, data }, rng).data;
      return Math.max(...[...Array(24).keys()].map((y) => out[((y + 4) * 32 + 8) * 3]!)); // in the left half
    };
    expect([bright(0.49), bright(0.5)]).toEqual([100, 200]);
  });

  it("shifts by up to four pixels either way and cuts a black square with at most 16 to a side", () => {
    const picture: Picture = { width: 32, height: 32, data: new Uint8Array(3072).fill(200) };
    const rims = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      const rng = createRng(seed);
      const data = augment(picture, { ...rng, uniform: () => 0.999 }).data; // neither mirrored nor changed
      const count = (value: number) => data.filter((v) => v === value).length / 3;
      expect(count(0)).toBeGreaterThanOrEqual(64);
      expect(count(0)).toBeLessThanOrEqual(256);
      expect(count(0) + count(128) + count(200)).toBe(1024);
      const row = [...Array(32).keys()].map((x) => data[(16 * 32 + x) * 3]!);
      rims.add(row.filter((value) => value === 128).length);
    }
    expect(Math.max(...rims)).toBe(4);
    expect(rims.has(0)).toBe(true);
  });
});

describe("drawAugmented", () => {
  it("gives a share the same rows as the whole batch, and as many draws", async () => {
    const set = plainSet(20);
    const [one, other] = [createRng(5), createRng(5)];
    const whole = drawAugmented(set, one, { batch: 6 });
    const share = drawAugmented(set, other, { batch: 6, from: 2, to: 5 });
    expect(share.labels).toEqual(whole.labels.slice(2, 5));
    expect(share.x0.shape).toEqual([3, 32, 32, 3]);
    expect(await share.x0.data()).toEqual((await whole.x0.data()).slice(2 * 3072, 5 * 3072));
    expect(one.uniform()).toBe(other.uniform());
    const again = drawAugmented(set, one, { batch: 6 });
    expect(await again.x0.data()).not.toEqual(await whole.x0.data());
    for (const { x0 } of [whole, share, again]) x0.dispose();
  });

  it("changes one image in many ways", async () => {
    const { x0 } = drawAugmented(plainSet(1), createRng(2), { batch: 20 });
    const values = await x0.data();
    x0.dispose();
    const rows = Array.from({ length: 20 }, (_, i) => values.slice(i * 3072, (i + 1) * 3072).join());
    expect(new Set(rows).size).toBeGreaterThan(17);
  });

  it("has values in [-1, 1], black at -1 where the square was cut", async () => {
    const { x0 } = drawAugmented(plainSet(4), createRng(1), { batch: 8 });
    const values = Array.from(await x0.data());
    x0.dispose();
    expect(Math.min(...values)).toBe(-1);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    expect(values.every((value) => Number.isInteger(Math.round((value + 1) * 127.5 * 1e4) / 1e4))).toBe(true);
  });

  it("refuses images that are no bytes, or not in colour", () => {
    const floats = imageSet({ images: new Float32Array(3), labels: [0], classes: ["a"], shape: [1, 1, 3] });
    expect(() => drawAugmented(floats, createRng(0), { batch: 1 })).toThrow(
      "drawAugmented: expected images of bytes with 3 channels, got floats with 3.",
    );
    const grey = imageSet({ images: new Uint8Array(1), labels: [0], classes: ["a"], shape: [1, 1, 1] });
    expect(() => drawAugmented(grey, createRng(0), { batch: 1 })).toThrow("got bytes with 1.");
  });
});
