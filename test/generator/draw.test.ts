import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadGenerator, type DrawOptions, type Generator } from "../../src/index.js";
import { draw } from "../../src/generator/draw.js";
import type { SampleOptions } from "../../src/generator/options.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { studentFile } from "./checkpoints.js";

let generator: Generator;
beforeAll(async () => {
  await tf.setBackend("cpu");
  generator = await loadGenerator(await studentFile());
});
onCpuWithoutLeaks();
afterAll(() => {
  generator.dispose();
});

/** What of a canvas is used, and what was put on it. */
function fakeCanvas(getContext?: () => unknown) {
  const put: { width: number; height: number; data: Uint8ClampedArray }[] = [];
  const context = {
    createImageData: (width: number, height: number) => ({
      ...{ width, height },
      data: new Uint8ClampedArray(width * height * 4),
    }),
    putImageData: (image: (typeof put)[number]) => put.push(image),
  };
  const canvas = { width: 300, height: 150, getContext: vi.fn(getContext ?? (() => context)) };
  return { canvas: canvas as unknown as OffscreenCanvas, put };
}

/** The byte of each value of the images, [count, height, width, channels]. */
async function bytesOf(seeds: number[], others: object = {}): Promise<Uint8Array> {
  const images = await generator.sample({ seeds, ...others });
  const values = await images.data();
  images.dispose();
  return Uint8Array.from(values, (value) => Math.round(value * 127.5 + 127.5));
}

describe("draw", () => {
  it("draws one image in its own size", async () => {
    const { canvas, put } = fakeCanvas();
    await generator.draw(canvas, { seed: 7, steps: 1 });
    expect([canvas.width, canvas.height]).toEqual([8, 8]);
    const [image] = put;
    expect(image).toMatchObject({ width: 8, height: 8 });
    const rgb = image!.data.filter((_, i) => i % 4 < 3);
    expect([...rgb]).toEqual([...(await bytesOf([7], { steps: 1 }))]);
    expect(new Set(rgb).size).toBeGreaterThan(20);
    expect(image!.data.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });

  it("draws a grid, edge to edge", async () => {
    const { canvas, put } = fakeCanvas();
    await generator.draw(canvas, { seeds: [1, 2, 3] });
    expect([canvas.width, canvas.height]).toEqual([16, 16]);
    const third = await bytesOf([3]);
    const at = (x: number, y: number) => [...put[0]!.data.slice(4 * (y * 16 + x), 4 * (y * 16 + x) + 3)];
    expect(at(2, 8 + 5)).toEqual([...third.slice(3 * (5 * 8 + 2), 3 * (5 * 8 + 2) + 3)]);
    expect(at(12, 12)).toEqual([255, 255, 255]); // where there is no fourth
    await generator.draw(canvas, { seeds: [1, 2, 3], columns: 5 });
    expect([canvas.width, canvas.height]).toEqual([24, 8]);
  });

  it("has one label for all images, or one for each", async () => {
    const asked: unknown[] = [];
    const sample = ({ seeds, labels }: SampleOptions) => {
      asked.push(labels);
      return Promise.resolve(tf.zeros<tf.Rank.R4>([seeds.length, 1, 1, 3]));
    };
    for (const options of [{ label: 3 }, { labels: [4, -1] }, {}])
      await draw({ imageShape: [1, 1, 3], sample }, fakeCanvas().canvas, { seeds: [1, 2], ...options });
    expect(asked).toEqual([[3, 3], [4, -1], undefined]);
  });

  it("shows its steps", async () => {
    const steps: number[] = [];
    await generator.draw(fakeCanvas().canvas, { seed: 1, onStep: ({ index }) => void steps.push(index) });
    expect(steps).toEqual([0, 1]);
  });

  const own = "Generator.draw: expected";
  it.each<[string, object, string]>([
    ["neither", {}, `${own} either seed or seeds, got neither.`],
    ["both", { seed: 1, seeds: [1] }, `${own} either seed or seeds, got both.`],
    ["no seeds", { seeds: [] }, "Generator.sample: expected at least one seed, got none."],
    ["a list as seed", { seed: [1] }, `${own} every seed to be a safe integer, got [1].`],
    ["a number as seeds", { seeds: 1 }, `${own} seeds to be an array of safe integers, got 1.`],
    ["columns", { seed: 1, columns: 0 }, `${own} columns to be a positive integer, got 0.`],
    ["a wrong name", { seed: 1, lable: 0 }, `${own} option label, got lable.`],
    ["label and labels", { seed: 1, label: 0, labels: [0] }, `${own} either label or labels, got both.`],
    [
      "a label of a model without classes",
      { seed: 1, label: 0 },
      "Generator.sample: expected no labels, as the model knows no classes",
    ],
    [
      "labels",
      { seed: 1, labels: [0] },
      "Generator.sample: expected no labels, as the model knows no classes",
    ],
    [
      "steps",
      { seed: 1, steps: 3 },
      "Generator.sample: expected at most the 2 steps that the model was trained for",
    ],
    [
      "size",
      { seeds: Array(2049).fill(0), columns: 2049 },
      `${own} a picture of at most 16384 pixels along a side, got 16392x8.`,
    ],
  ])("refuses %s, and leaves the canvas as it was", async (_, options, message) => {
    const { canvas, put } = fakeCanvas();
    await expect(generator.draw(canvas, options as DrawOptions)).rejects.toThrow(message);
    expect([canvas.width, canvas.height, put]).toEqual([300, 150, []]);
  });

  it("refuses a canvas that has no 2d context", async () => {
    const failing = () => {
      throw new Error("transferred its control to offscreen");
    };
    const draw = (canvas: unknown) => expect(generator.draw(canvas as OffscreenCanvas, { seed: 1 })).rejects;
    await draw(fakeCanvas(() => null).canvas).toThrow(
      `${own} a canvas whose 2d context can be had, got one that already has a context of another kind.`,
    );
    await draw(fakeCanvas(failing).canvas).toThrow("can be had, got transferred its control to offscreen.");
    for (const none of [null, undefined, {}, "canvas"]) await draw(none).toThrow(`${own} a canvas, got`);
  });

  it("that is stopped leaves the canvas as it was", async () => {
    const controller = new AbortController();
    const { canvas, put } = fakeCanvas();
    const onStep = () => {
      controller.abort(new Error("enough"));
    };
    const drawing = generator.draw(canvas, { seed: 1, onStep, signal: controller.signal });
    await expect(drawing).rejects.toThrow(/^enough$/);
    expect([canvas.width, put]).toEqual([300, []]);
  });
});
