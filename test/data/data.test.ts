import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCifar10 } from "../../src/data/cifar10.js";
import { checkImageRange, drawBatch, imageBatch, imageSet } from "../../src/data/image-set.js";
import { readCifar10 } from "../../src/node/cifar10.js";
import { createRng } from "../../src/rng.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

/** Two 2x2 images of one channel: 0 51 / 102 255, and all 255. */
const small = imageSet({
  images: Uint8Array.of(0, 51, 102, 255, 255, 255, 255, 255),
  labels: [0, 1],
  classes: ["ramp", "white"],
  shape: [2, 2, 1],
});

describe("imageSet", () => {
  const valid = { images: new Float32Array(4), labels: [0], classes: ["a"], shape: [2, 2, 1] as const };

  it("returns a valid set as it is", () => {
    expect(imageSet(valid)).toBe(valid);
  });

  it.each([
    ["no image", { labels: [] }, "imageSet: expected at least one image, got none."],
    ["sizes that do not multiply out", { images: new Uint8Array(5) }, "imageSet: expected 4 pixel values"],
    ["a label without a class", { labels: [1] }, "imageSet: expected every label in 0..0, got 1."],
    ["a fractional label", { labels: [0.5] }, "got 0.5."],
    ["a hole among the labels", { labels: Array<number>(1) }, "every label in 0..0, got undefined."],
    ["a class without a name", { classes: [null as never] }, "every class to be a name, got null."],
    ["a size of 0", { shape: [0, 2, 1] as const }, "every size in shape to be a positive integer, got 0."],
    [
      "values above 1",
      { images: Float32Array.of(0, 0, 0, 1.01) },
      /imageSet: expected every pixel in \[-1, 1\], got 1.0\d* at position 3/,
    ],
    ["pixels of a canvas", { images: new Uint8ClampedArray(4) as never }, "got Uint8ClampedArray."],
    ["text", { labels: "0" as never }, "labels, classes and shape to be lists"],
    ["an unknown key", { label: [0] } as never, "option labels, got label."],
    ["NaN", { images: Float32Array.of(0, NaN, 0, 0) }, "got NaN at position 1."],
  ])("refuses %s", (_, change, message) => {
    expect(() => imageSet({ ...valid, ...change })).toThrow(message);
  });

  it("takes pixels of another realm for what they are", () => {
    const bytes = runInNewContext("Uint8Array.of(0, 64, 128, 255)") as Uint8Array;
    const { x0 } = imageBatch(imageSet({ ...valid, images: bytes }), [0]);
    expect(x0.dataSync()[3]).toBe(1);
    x0.dispose();
    const wild = runInNewContext("Float32Array.of(0, 0, 0, 7)") as Float32Array;
    expect(() => imageSet({ ...valid, images: wild })).toThrow("every pixel in [-1, 1], got 7 at position 3");
  });

  it("checkImageRange takes the ends of the range and names its caller", () => {
    expect(() => {
      checkImageRange(Float32Array.of(-1, 1), "loader");
    }).not.toThrow();
    expect(() => {
      checkImageRange(Float32Array.of(0, -Infinity), "loader");
    }).toThrow("loader: expected every pixel in [-1, 1], got -Infinity at position 1.");
  });
});

describe("imageBatch and drawBatch", () => {
  it("maps bytes b to b / 127.5 - 1", () => {
    const { x0, labels } = imageBatch(small, [0]);
    expect(x0.shape).toEqual([1, 2, 2, 1]);
    expect(labels).toEqual([0]);
    [-1, -0.6, -0.2, 1].forEach((expected, i) => {
      expect(x0.dataSync()[i]).toBeCloseTo(expected, 6);
    });
    x0.dispose();
  });

  it("mirrors about half of the images, left-right only", () => {
    const { x0, labels } = drawBatch(small, createRng(3), { batch: 400, flip: true });
    const values = x0.dataSync();
    let plain = 0;
    let mirrored = 0;
    labels.forEach((label, i) => {
      const image = Array.from(values.subarray(i * 4, i * 4 + 4), (v) => Math.round((v + 1) * 127.5));
      if (label === 1) expect(image).toEqual([255, 255, 255, 255]);
      else if (image[0] === 0 && image[3] === 255) plain++;
      else if (image[1] === 0 && image[2] === 255) mirrored++;
      else expect.fail(`neither the image nor its mirror image: ${image.join()}`);
    });
    expect(mirrored / (plain + mirrored)).toBeGreaterThan(0.4);
    expect(mirrored / (plain + mirrored)).toBeLessThan(0.6);
    x0.dispose();
  });

  it("shifts by at most `crop` pixels and leaves the rim mid-grey", () => {
    const white = imageSet({
      images: new Uint8Array(16).fill(255),
      labels: [0],
      classes: ["a"],
      shape: [4, 4, 1],
    });
    const { x0 } = drawBatch(white, createRng(1), { batch: 200, crop: 1 });
    const values = x0.dataSync();
    const kept = new Set<number>();
    const rims = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const image = values.subarray(i * 16, (i + 1) * 16);
      expect(image.every((v) => v === 1 || v === 0)).toBe(true);
      kept.add(image.filter((v) => v === 1).length);
      rims.add([image[1], image[13], image[4], image[7]].map((v) => (v === 0 ? "grey" : "kept")).join());
    }
    expect(rims.size).toBe(9); // each axis either way, or not at all
    expect([...kept].sort((a, b) => a - b)).toEqual([9, 12, 16]); // both axes shifted, one, none
    x0.dispose();
  });

  it("depends on the stream alone", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), (seed, batch) => {
        const draw = () => {
          const drawn = drawBatch(small, createRng(seed), { batch, flip: true, crop: 1 });
          const values = [...drawn.x0.dataSync(), ...drawn.labels];
          drawn.x0.dispose();
          return values;
        };
        expect(draw()).toEqual(draw());
      }),
      { numRuns: 20 },
    );
  });

  it("leaves one tensor, and none on errors", () => {
    const before = tf.memory().numTensors;
    const { x0 } = drawBatch(small, createRng(0), { batch: 2 });
    expect(tf.memory().numTensors).toBe(before + 1);
    x0.dispose();
    expect(() => drawBatch(small, createRng(0), { batch: 0 })).toThrow("drawBatch: expected batch");
    expect(() => drawBatch(small, createRng(0), { batch: 1, crop: -1 })).toThrow("drawBatch: expected crop");
    const plain = drawBatch(small, createRng(0), { batch: 60 }); // neither mirrored nor shifted unless told to
    const images = Array.from({ length: 60 }, (_, i) =>
      Array.from(plain.x0.dataSync().subarray(4 * i, 4 * i + 4), (v) => Math.round((v + 1) * 127.5)).join(),
    );
    expect(new Set(images)).toEqual(new Set(["0,51,102,255", "255,255,255,255"]));
    plain.x0.dispose();
    expect(() => drawBatch(small, {} as never, { batch: 1 })).toThrow(
      "drawBatch: expected rng to be a random stream, see createRng, got {}.",
    );
    expect(() => drawBatch(small, createRng(0), { batch: 2 ** 40 })).toThrow(
      "drawBatch: expected a batch of at most 268435456 numbers, got 4398046511104.",
    );
    for (const bad of [undefined, null, NaN, "0", -1]) {
      expect(() => imageBatch(small, [0, bad as never])).toThrow("every index in 0..1, got");
    }
    for (const set of [null, {}, { ...small, shape: 3 }, { ...small, images: [1] }]) {
      expect(() => imageBatch(set as never, [0])).toThrow(/^imageBatch: expected [^]* got /);
    }
    expect(() => imageBatch(small, [])).toThrow("imageBatch: expected at least one image, got none.");
    expect(() => imageBatch(small, [2])).toThrow("imageBatch: expected every index in 0..1, got 2.");
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("CIFAR-10 binary files", () => {
  const RECORD = 3073;
  let folder = "";

  /** `count` records; record i has label i mod 10, red i, green 100 + i, blue 200 + i, but a black top left pixel. */
  function records(count: number): Uint8Array {
    const bytes = new Uint8Array(count * RECORD);
    for (let i = 0; i < count; i++) {
      bytes[i * RECORD] = i % 10;
      for (let c = 0; c < 3; c++)
        bytes.fill(100 * c + i, i * RECORD + 2 + c * 1024, i * RECORD + 1 + (c + 1) * 1024);
    }
    return bytes;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cifar-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("turns colour planes into NHWC", () => {
    const set = decodeCifar10(records(3));
    expect(set.shape).toEqual([32, 32, 3]);
    expect(set.labels).toEqual([0, 1, 2]);
    expect([...set.images.subarray(0, 6)]).toEqual([0, 0, 0, 0, 100, 200]);
    expect([...set.images.subarray(3072 * 3 - 3)]).toEqual([2, 102, 202]);
    expect(set.classes[9]).toBe("truck");
  });

  it.each([
    ["an empty file", new Uint8Array(0), "got an empty file."],
    [
      "a truncated file",
      records(2).subarray(0, 2 * RECORD - 1),
      "whole number of 3073-byte records, got 6145 bytes.",
    ],
    ["a file of another format", new Uint8Array(1000), "got 1000 bytes."],
    [
      "a page",
      new TextEncoder().encode("<html><p>404"),
      "3073-byte records, got an HTML page: <html><p>404.",
    ],
    ["a list", [1, 2] as never, "a Uint8Array, got a list of length 2."],
    ["a label above 9", new Uint8Array(RECORD).fill(10), "expected every label in 0..9, got 10 in record 0."],
  ])("refuses %s, naming it", (_, bytes, message) => {
    expect(() => decodeCifar10(bytes, "test_batch.bin")).toThrow("decodeCifar10 (test_batch.bin): expected");
    expect(() => decodeCifar10(bytes, "test_batch.bin")).toThrow(message);
  });

  it("reads a folder of files", async () => {
    await writeFile(join(folder, "test_batch.bin"), records(12));
    for (let i = 1; i <= 5; i++) await writeFile(join(folder, `data_batch_${i}.bin`), records(i));
    expect((await readCifar10(folder, "test")).labels).toHaveLength(12);
    const train = await readCifar10(folder, "train");
    expect(train.labels).toEqual([0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]);
    expect(train.images).toHaveLength(15 * 3072);
  });

  it("says which file is missing or broken", async () => {
    await rm(join(folder, "data_batch_4.bin"));
    await expect(readCifar10(folder, "train")).rejects.toThrow("readCifar10: expected data_batch_4.bin in");
    await writeFile(join(folder, "data_batch_4.bin"), records(1).subarray(1));
    await expect(readCifar10(folder, "train")).rejects.toThrow("decodeCifar10 (data_batch_4.bin)");
    await rm(join(folder, "test_batch.bin"));
    await mkdir(join(folder, "test_batch.bin"));
    await expect(readCifar10(folder, "test")).rejects.toThrow(
      `readCifar10: expected a file at ${join(folder, "test_batch.bin")}, got a folder, a pipe or a device.`,
    );
    await expect(readCifar10(folder, "validation" as "test")).rejects.toThrow('"train" or "test"');
  });
});
