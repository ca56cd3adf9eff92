import { describe, expect, it } from "vitest";
import { loadEmoji } from "../../emoji/files.js";
import { cutSprites } from "../../emoji/sprite-sheet.js";
import { subset } from "../../../tools/image-sets.js";

describe("the emoji", () => {
  it("are 1,906 images in nine groups or in 98 kinds", () => {
    const { train, test } = loadEmoji();
    expect([train.labels.length, test.labels.length]).toEqual([1716, 190]);
    expect(train.shape).toEqual([24, 24, 3]);
    expect(new Set(test.labels).size).toBe(9);
    const kinds = loadEmoji("kinds");
    expect(Buffer.compare(kinds.train.images as Uint8Array, train.images as Uint8Array)).toBe(0);
    expect(kinds.train.classes).toHaveLength(98);
    expect(kinds.train.labels.filter((label) => kinds.train.classes[label] === "country-flag")).toHaveLength(
      233,
    );
  });

  it("are those of some groups if only these are asked for, and an unknown group is an error", () => {
    const all = loadEmoji("kinds");
    const { train, test } = loadEmoji("kinds", ["Animals & Nature", "Flags"]);
    expect(train.labels.length + test.labels.length).toBe(159 + 270);
    expect(train.classes.slice(0, 2)).toEqual(["animal-mammal", "animal-bird"]);
    expect(train.classes.at(-1)).toBe("subdivision-flag");
    const imagesOf = (set: typeof train, name: string) =>
      set.labels.flatMap((label, i) =>
        set.classes[label] === name ? [Buffer.from(set.images.subarray(i * 1728, (i + 1) * 1728))] : [],
      );
    const birds = imagesOf(all.train, "animal-bird").concat(imagesOf(all.test, "animal-bird"));
    for (const bird of imagesOf(train, "animal-bird")) {
      expect(birds.some((other) => other.equals(bird))).toBe(true);
    }
    expect(() => loadEmoji("kinds", ["Animals and Nature"])).toThrow(
      /^groups: expected some of Smileys & Emotion, .*, got Animals and Nature \(did you mean Animals & Nature\?\)\.$/,
    );
  });

  it("start with a yellow face on white", () => {
    const { train } = loadEmoji();
    expect(train.classes[train.labels[0]!]).toBe("Smileys & Emotion");
    expect([...train.images.subarray(0, 3)]).toEqual([255, 255, 255]);
    const [red, green, blue] = train.images.subarray((4 * 24 + 12) * 3, (4 * 24 + 12) * 3 + 3); // the forehead
    expect(red).toBeGreaterThan(240);
    expect(green).toBeGreaterThan(180);
    expect(blue).toBeLessThan(100);
  });

  it("cutSheet cuts tiles in order, labels them by group or kind, and refuses a sheet of another size", () => {
    const pixels = [10, 20, 30, 40].flatMap((grey) => [grey, grey, grey, 255]);
    const png = { width: 2, height: 2, data: Uint8Array.from(pixels) };
    const groups = [
      {
        name: "a",
        kinds: [
          { name: "a1", count: 1 },
          { name: "a2", count: 1 },
        ],
      },
      { name: "b", kinds: [{ name: "b1", count: 1 }] },
    ];
    const sheet = { tile: 1, columns: 2, groups };
    const grouped = cutSprites(png, sheet, "groups");
    expect([...grouped.images]).toEqual([10, 10, 10, 20, 20, 20, 30, 30, 30]);
    expect([grouped.labels, grouped.classes]).toEqual([
      [0, 0, 1],
      ["a", "b"],
    ]);
    const kinds = cutSprites(png, sheet, "kinds");
    expect([kinds.labels, kinds.classes]).toEqual([
      [0, 1, 2],
      ["a1", "a2", "b1"],
    ]);
    expect([...subset(kinds, [2]).images]).toEqual([30, 30, 30]);
    expect(() => cutSprites({ ...png, height: 1 }, sheet, "kinds")).toThrow(
      "loadEmoji: expected a sheet of 2x2 pixels, got 2x1.",
    );
  });
});
