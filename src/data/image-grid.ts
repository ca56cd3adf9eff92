import * as tf from "../tfjs.js";
import { MOST } from "../bounds.js";
import { check, checkImages, checkOptions, checkPositiveInteger, fail } from "../check.js";

/** An RGB picture: `data` has width * height * 3 bytes, row by row. What a PNG encoder or a canvas takes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** How {@link imageGrid} lays images out. */
export interface ImageGridOptions {
  /** Images in a row. */
  readonly columns: number;
  /** Picture pixels per image pixel along each axis (default 1). */
  readonly scale?: number;
  /** Picture pixels between images and around them (default 2). */
  readonly gap?: number;
  /** Colour of the gaps, RGB bytes (default white). */
  readonly background?: readonly [number, number, number];
}

/**
 * Lays images out in rows, evenly spaced: image i stands in row floor(i / columns), its top left corner at
 * gap + position * (size * scale + gap) along each axis. Values are clipped to [-1, 1] and mapped to bytes.
 *
 * @param images [count, height, width, 1 or 3] in [-1, 1]
 * @param options columns, scale, gap, background
 * @returns the picture, RGB
 * @throws (rejects) if the images have neither 1 nor 3 channels, a value is not finite, a size is no whole number, the
 *   background is no colour, an option is unknown, or the picture would exceed 256 MiB
 * @example
 * ```ts
 * import { noise } from "cfd-distill";
 * import { imageGrid } from "cfd-distill/data";
 * const images = noise([1, 2, 3, 4], [8, 8, 3]);
 * const picture = await imageGrid(images, { columns: 2, scale: 3, gap: 4 });
 * console.log(picture.width); // 4 + 24 + 4 + 24 + 4 = 60
 * images.dispose();
 * ```
 */
export async function imageGrid(images: tf.Tensor4D, options: ImageGridOptions): Promise<Picture> {
  checkOptions("imageGrid", options, { columns: true, scale: true, gap: true, background: true });
  const { columns, scale = 1, gap = 2, background = [255, 255, 255] } = options;
  checkImages(images, "imageGrid", "images");
  const [count, height, width, channels] = images.shape;
  check(channels === 1 || channels === 3, "imageGrid", "1 or 3 channels", channels);
  checkPositiveInteger(columns, "imageGrid", "columns");
  checkPositiveInteger(scale, "imageGrid", "scale");
  check(Number.isInteger(gap) && gap >= 0, "imageGrid", "gap to be a non-negative integer", gap);
  checkColour(background);
  const stepX = width * scale + gap;
  const stepY = height * scale + gap;
  const size = [gap + Math.min(columns, count) * stepX, gap + Math.ceil(count / columns) * stepY] as const;
  const fits = 3 * size[0] * size[1] <= MOST.pixels;
  check(fits, "imageGrid", `a picture of at most ${MOST.pixels} bytes`, `${size[0]}x${size[1]} pixels`);
  const values = await images.data();
  checkFinite(values, images.shape);
  const picture = blankPicture(...size, background);
  for (let i = 0; i < count; i++) {
    const left = gap + (i % columns) * stepX;
    const top = gap + Math.floor(i / columns) * stepY;
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const pixel = (i * height + Math.floor(y / scale)) * width + Math.floor(x / scale);
        const target = ((top + y) * picture.width + left + x) * 3;
        for (let c = 0; c < 3; c++) {
          picture.data[target + c] = toByte(values[pixel * channels + (channels === 1 ? 0 : c)]!);
        }
      }
    }
  }
  return picture;
}

/** Throws if there is a value that no byte stands for, naming its image. */
function checkFinite(values: ArrayLike<number>, [, height, width, channels]: tf.Tensor4D["shape"]): void {
  const at = Array.prototype.findIndex.call(values, (value) => !Number.isFinite(value));
  if (at < 0) return;
  const image = Math.floor(at / (height * width * channels));
  fail("imageGrid", "every value to be finite", `${values[at]} in image ${image}`);
}

function checkColour(colour: unknown): void {
  const isByte = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
  const valid = Array.isArray(colour) && colour.length === 3 && colour.every(isByte);
  check(valid, "imageGrid", "background to be three bytes", colour);
}

/** A picture of one colour. */
function blankPicture(width: number, height: number, background: readonly [number, number, number]): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = background[i % 3]!;
  return { width, height, data };
}

/** [-1, 1] to 0..255, the inverse of b / 127.5 - 1. */
function toByte(value: number): number {
  return Math.round(Math.min(1, Math.max(-1, value)) * 127.5 + 127.5);
}
