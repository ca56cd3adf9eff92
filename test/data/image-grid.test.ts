import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { imageGrid } from "../../src/data/image-grid.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

describe("imageGrid", () => {
  it("places every pixel, scaled, with even gaps", async () => {
    const images = tf.tensor4d([-1, 1, 0, -0.2], [2, 1, 2, 1]); // two images of 1x2 pixels
    const picture = await imageGrid(images, { columns: 2, scale: 2, gap: 1, background: [9, 9, 9] });
    expect([picture.width, picture.height]).toEqual([11, 4]);
    const reds = Array.from({ length: 4 }, (_, y) =>
      Array.from({ length: 11 }, (_, x) => picture.data[(y * 11 + x) * 3]),
    );
    const row = [9, 0, 0, 255, 255, 9, 128, 128, 102, 102, 9];
    expect(reds).toEqual([Array<number>(11).fill(9), row, row, Array<number>(11).fill(9)]);
    images.dispose();
  });

  it("wraps rows, keeps colours, clips, and fills empty places with the background", async () => {
    const images = tf.tensor4d([1, -1, -1, -1, 2, -5, 0, 0, 1], [3, 1, 1, 3]);
    const picture = await imageGrid(images, { columns: 2, gap: 0, background: [7, 8, 9] });
    expect([picture.width, picture.height]).toEqual([2, 2]);
    expect([...picture.data]).toEqual([255, 0, 0, 0, 255, 0, 128, 128, 255, 7, 8, 9]);
    images.dispose();
  });

  it("is as wide as its images when there are fewer than a row", async () => {
    const images = tf.zeros([1, 3, 5, 3]);
    const picture = await imageGrid(images as tf.Tensor4D, { columns: 8 });
    expect([picture.width, picture.height]).toEqual([9, 7]); // 2 + 5 + 2, 2 + 3 + 2
    images.dispose();
  });

  it("refuses bad input and leaks nothing", async () => {
    const images = tf.zeros<tf.Rank.R4>([1, 2, 2, 2]);
    const grey = tf.zeros<tf.Rank.R4>([1, 2, 2, 1]);
    const broken = tf.tensor4d([0, NaN], [1, 1, 2, 1]);
    await expect(imageGrid(broken, { columns: 1 })).rejects.toThrow(
      "imageGrid: expected every value to be finite, got NaN in image 0.",
    );
    broken.dispose();
    await expect(imageGrid(grey, { columns: 1, scale: 1e5 })).rejects.toThrow(
      "imageGrid: expected a picture of at most 268435456 bytes, got 200004x200004 pixels.",
    );
    await expect(imageGrid(grey, { columns: 1, background: [1, 2] as never })).rejects.toThrow("three bytes");
    for (const byte of [256, -1, 0.5]) {
      const background = [0, 0, byte] as const;
      await expect(imageGrid(grey, { columns: 1, background })).rejects.toThrow("three bytes");
    }
    // 10004 x 10004 pixels would fit, were they not of three bytes each.
    await expect(imageGrid(grey, { columns: 1, scale: 5000 })).rejects.toThrow("10004x10004 pixels");
    await expect(imageGrid(grey, { column: 1 } as never)).rejects.toThrow("option columns, got column");
    const before = tf.memory().numTensors;
    await expect(imageGrid(images, { columns: 1 })).rejects.toThrow(
      "imageGrid: expected 1 or 3 channels, got 2.",
    );
    await expect(imageGrid(grey, { columns: 0 })).rejects.toThrow("columns to be a positive integer, got 0.");
    await expect(imageGrid(grey, { columns: 1, scale: 0.5 })).rejects.toThrow("scale");
    await expect(imageGrid(grey, { columns: 1, gap: -1 })).rejects.toThrow("gap");
    const flat = grey.reshape<tf.Tensor2D>([2, 2]) as unknown as tf.Tensor4D;
    await expect(imageGrid(flat, { columns: 1 })).rejects.toThrow(
      "imageGrid: expected images to be a tensor",
    );
    flat.dispose();
    await imageGrid(grey, { columns: 1 });
    expect(tf.memory().numTensors).toBe(before);
    images.dispose();
    grey.dispose();
  });
});
