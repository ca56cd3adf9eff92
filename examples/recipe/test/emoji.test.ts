import { describe, expect, it } from "vitest";
import { loadEmoji } from "../../emoji/files.js";
import { cutSprites } from "../../emoji/sprite-sheet.js";
import { subset } from "../../../tools/image-sets.js";

describe("the emoji", () => {
  it("are 387 pictures in 18 classes", () => {
    const { train, test } = loadEmoji();
    expect([train.labels.length, test.labels.length]).toEqual([349, 38]);
    expect(train.shape).toEqual([28, 28, 3]);
    expect(train.classes).toHaveLength(18);
    expect(new Set(train.labels).size).toBe(18);
    expect(train.labels.filter((label) => train.classes[label] === "clock")).toHaveLength(24);
  });

  it("have white around them", () => {
    const { images, labels } = loadEmoji().train;
    const darkest = (row: number, column: number) =>
      Math.min(...labels.map((_, i) => images[((i * 28 + row) * 28 + column) * 3]!));
    for (let at = 0; at < 28; at++) {
      expect([darkest(0, at), darkest(27, at), darkest(at, 1), darkest(at, 26)]).toEqual([
        255, 255, 255, 255,
      ]);
    }
  });

  it("start with a yellow face on white", () => {
    const { train } = loadEmoji();
    expect(train.classes[train.labels[0]!]).toBe("face");
    expect([...train.images.subarray(0, 3)]).toEqual([255, 255, 255]);
    const [red, green, blue] = train.images.subarray((7 * 28 + 14) * 3, (7 * 28 + 14) * 3 + 3); // the forehead
    expect(red).toBeGreaterThan(240);
    expect(green).toBeGreaterThan(180);
    expect(blue).toBeLessThan(100);
  });

  it("cutSprites cuts tiles in order, labels them by class, and refuses a sheet of another size", () => {
    const pixels = [10, 20, 30, 40].flatMap((grey) => [grey, grey, grey, 255]);
    const png = { width: 2, height: 2, data: Uint8Array.from(pixels) };
    const classes = [
      { name: "a", count: 2 },
      { name: "b", count: 1 },
    ];
    const sheet = { tile: 1, columns: 2, classes };
    const cut = cutSprites(png, sheet);
    expect([...cut.images]).toEqual([10, 10, 10, 20, 20, 20, 30, 30, 30]);
    expect([cut.labels, cut.classes]).toEqual([
      [0, 0, 1],
      ["a", "b"],
    ]);
    expect([...subset(cut, [2]).images]).toEqual([30, 30, 30]);
    expect(() => cutSprites({ ...png, height: 1 }, sheet)).toThrow(
      "loadEmoji: expected a sheet of 2x2 pixels, got 2x1.",
    );
    for (const count of [1e9, NaN]) {
      const wrong = { ...sheet, classes: [{ name: "a", count }] };
      expect(() => cutSprites(png, wrong)).toThrow(
        /^loadEmoji: expected a sheet of 2x(500000000|NaN) pixels/,
      );
    }
  });
});
