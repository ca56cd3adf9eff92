// Every pixel by hand, and what is refused in full words: where a fault is not seen from far away.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  checkImageRange,
  decodeCifar10,
  drawBatch,
  imageBatch,
  imageGrid,
  imageSet,
  type ImageSet,
} from "../../src/data/index.js";
import { createRng, type Rng } from "../../src/rng.js";
import { complaint } from "../support/complaint.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";

onCpuWithoutLeaks();

const [HEIGHT, WIDTH, CHANNELS] = [3, 4, 2];
const SIZE = HEIGHT * WIDTH * CHANNELS;
/** Two images, of which no two numbers are the same. */
const numbers = Float32Array.from({ length: 2 * SIZE }, (_, i) => (i + 1) / 64);
const set = imageSet({
  images: numbers,
  labels: [1, 0],
  classes: ["a", "b"],
  shape: [HEIGHT, WIDTH, CHANNELS],
});
const bytes = imageSet({ ...set, images: Uint8Array.from(numbers, (_, i) => 5 * i) });

describe("a batch", () => {
  it("has the images that are asked for, number by number", async () => {
    const { x0, labels } = imageBatch(set, [1, 0, 1]);
    expect(labels).toEqual([0, 1, 0]);
    expect(x0.shape).toEqual([3, HEIGHT, WIDTH, CHANNELS]);
    const [first, second] = [numbers.slice(0, SIZE), numbers.slice(SIZE)];
    expect([...(await x0.data())]).toEqual([...second, ...first, ...second]);
    x0.dispose();
    const ofBytes = imageBatch(bytes, [1]).x0;
    const expected = Float32Array.from({ length: SIZE }, (_, i) => (5 * (SIZE + i)) / 127.5 - 1);
    expect([...(await ofBytes.data())]).toEqual([...expected]);
    ofBytes.dispose();
  });

  /** What the stream says of a batch: first which images, then of each whether it is mirrored and how far it is shifted. */
  function drawn(rng: Rng, batch: number, crop: number): number[] {
    const indices = Array.from({ length: batch }, () => rng.integer(2));
    return indices.flatMap((index) => {
      const flip = rng.uniform() < 0.5;
      const [top, left] = [rng.integer(2 * crop + 1) - crop, rng.integer(2 * crop + 1) - crop];
      const image: number[] = [];
      for (let y = top; y < top + HEIGHT; y++) {
        for (let x = 0; x < WIDTH; x++) {
          const from = (flip ? WIDTH - 1 - x : x) + left;
          const inside = y >= 0 && y < HEIGHT && from >= 0 && from < WIDTH;
          for (let c = 0; c < CHANNELS; c++)
            image.push(inside ? numbers[index * SIZE + (y * WIDTH + from) * CHANNELS + c]! : 0);
        }
      }
      return image;
    });
  }

  it("is mirrored and shifted as the stream says", async () => {
    const rng = createRng(5);
    const { x0 } = drawBatch(set, rng, { batch: 40, flip: true, crop: 2 });
    const again = createRng(5);
    expect([...(await x0.data())]).toEqual(drawn(again, 40, 2));
    expect(rng.state()).toEqual(again.state());
    x0.dispose();
  });

  it("draws nothing for what it is not told to do", () => {
    const [rng, again] = [createRng(6), createRng(6)];
    drawBatch(set, rng, { batch: 3 }).x0.dispose();
    for (let i = 0; i < 3; i++) again.integer(2);
    expect(rng.state()).toEqual(again.state());
  });
});

describe("refusals of sets and batches", () => {
  const draw =
    (options: object, of: unknown = set) =>
    () =>
      drawBatch(of as ImageSet, createRng(0), options as { batch: number });
  const whole = { images: new Uint8Array(4), labels: [0], classes: ["a"], shape: [2, 2, 1] };
  const make = (change: object) => () => imageSet({ ...whole, ...change } as unknown as ImageSet);
  const refused: [string, () => unknown][] = [
    ["imageSet: expected option labels, got label.", make({ label: [0] })],
    ["imageSet: expected every label in 0..0, got -1.", make({ labels: [-1] })],
    ["imageSet: expected every class to be a name, got null.", make({ classes: [null] })],
    ["imageSet: expected shape to be [height, width, channels], got [2,2].", make({ shape: [2, 2] })],
    [
      'imageSet: expected labels, classes and shape to be lists, got {"labels":"0","classes":["a"],"shape":[2,2,1]}.',
      make({ labels: "0" }),
    ],
    [
      "imageSet: expected 4 pixel values (1 labels, images of 2x2x1), got 5.",
      make({ images: new Uint8Array(5) }),
    ],
    [
      "imageSet: expected images in a Uint8Array or a Float32Array, got Uint16Array.",
      make({ images: new Uint16Array(4) }),
    ],
    ["imageBatch: expected an image set, got null.", () => imageBatch(null as never, [0])],
    [
      "imageBatch: expected indices to be a list, got a Int32Array.",
      () => imageBatch(set, Int32Array.of(0) as never),
    ],
    ["imageBatch: expected every index in 0..1, got -1.", () => imageBatch(set, [-1])],
    ["drawBatch: expected option flip, got flop.", draw({ batch: 1, flop: true })],
    ["drawBatch: expected an image set, got null.", draw({ batch: 1 }, null)],
    ["drawBatch: expected batch to be a positive integer, got 1.5.", draw({ batch: 1.5 })],
    ["drawBatch: expected crop to be a non-negative integer, got 0.5.", draw({ batch: 1, crop: 0.5 })],
    ["drawBatch: expected flip to be true or false, got 1.", draw({ batch: 1, flip: 1 })],
    // 2^24 images of 24 numbers: too many only if each counts.
    ["drawBatch: expected a batch of at most 268435456 numbers, got 402653184.", draw({ batch: 2 ** 24 })],
    [
      "loader: expected pixels in a Float32Array, got Uint8Array.",
      () => {
        checkImageRange(new Uint8Array(1) as never, "loader");
      },
    ],
    [
      "loader: expected every pixel in [-1, 1], got 2 at position 0.",
      () => {
        checkImageRange(Float32Array.of(2), "loader");
      },
    ],
    [
      "decodeCifar10 (file): expected records of 3073 bytes, got an empty file.",
      () => decodeCifar10(new Uint8Array(0)),
    ],
    [
      "decodeCifar10: expected name to be text, got 3.",
      () => decodeCifar10(new Uint8Array(3073), 3 as never),
    ],
  ];
  it.each(refused)("%s", (message, call) => {
    expect(call).toThrow(message);
  });
});

it("a record of CIFAR-10 has a label and three planes, each pixel of which has its place", () => {
  const record = Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? 9 : (i * 7) % 251));
  const { images, labels, classes, shape } = decodeCifar10(record);
  expect([labels, classes[9], shape]).toEqual([[9], "truck", [32, 32, 3]]);
  const expected = Array.from({ length: 3072 }, (_, i) => record[1 + (i % 3) * 1024 + Math.floor(i / 3)]);
  expect([...images]).toEqual(expected);
});

describe("imageGrid", () => {
  it("puts every pixel of every image in its place, by the formula of its documentation", async () => {
    const [count, height, width, columns, scale, gap] = [5, 2, 3, 2, 2, 1];
    for (const channels of [1, 3]) {
      const values = Float32Array.from({ length: count * height * width * channels }, (_, i) => i / 50 - 1);
      const images = tf.tensor4d(values, [count, height, width, channels]);
      const picture = await imageGrid(images, { columns, scale, gap, background: [0, 1, 255] });
      images.dispose();
      expect([picture.width, picture.height]).toEqual([15, 16]);
      const expected = Array.from({ length: 15 * 16 * 3 }, (_, i) => [0, 1, 255][i % 3]!);
      for (let i = 0; i < count; i++) {
        const [top, left] = [gap + Math.floor(i / columns) * 5, gap + (i % columns) * 7];
        for (let y = 0; y < height * scale; y++) {
          for (let x = 0; x < width * scale; x++) {
            const pixel = i * height * width + Math.floor(y / scale) * width + Math.floor(x / scale);
            for (let c = 0; c < 3; c++) {
              const value = values[pixel * channels + (channels === 3 ? c : 0)]!;
              expected[((top + y) * 15 + left + x) * 3 + c] = Math.round(value * 127.5 + 127.5);
            }
          }
        }
      }
      expect([...picture.data]).toEqual(expected);
    }
  });

  it("names itself, what it expected, and the image that has a value that is none", async () => {
    const grid = (images: tf.Tensor4D, options: object) =>
      complaint(() => imageGrid(images, { columns: 1, ...options }));
    const image = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
    const said = [
      [{ column: 1 }, "option columns, got column."],
      [{ columns: 0.5 }, "columns to be a positive integer, got 0.5."],
      [{ scale: 0 }, "scale to be a positive integer, got 0."],
      [{ gap: 0.5 }, "gap to be a non-negative integer, got 0.5."],
      [{ background: "white" }, "background to be three bytes, got white."],
      [{ background: [0, 0, -1] }, "background to be three bytes, got [0,0,-1]."],
    ] as const;
    for (const [options, message] of said)
      expect(await grid(image, options)).toBe(`imageGrid: expected ${message}`);
    image.dispose();
    for (const at of [0, 17]) {
      const images = tf.tensor4d(
        Float32Array.from({ length: 18 }, (_, i) => (i === at ? Infinity : 0)),
        [3, 1, 2, 3],
      );
      expect(await grid(images, {})).toBe(
        `imageGrid: expected every value to be finite, got Infinity in image ${at === 0 ? 0 : 2}.`,
      );
      images.dispose();
    }
    expect(await grid(3 as never, {})).toBe(
      "imageGrid: expected images to be a tensor [batch, height, width, channels], got 3.",
    );
  });
});
