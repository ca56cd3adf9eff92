// Operations that move pixels. What comes from outside the picture is the grey (128, 128, 128).
import type { Picture } from "cfd-distill/data";

const GREY = 128;

/** Shifts rows against each other: the pixel at (x, y) comes from x + amount y. Bicubic, as the policy's authors have it. */
export const shearX = (picture: Picture, amount: number): Picture =>
  resample(picture, (x, y) => [x + amount * y, y]);

/** Shifts columns against each other: the pixel at (x, y) comes from y + amount x. */
export const shearY = (picture: Picture, amount: number): Picture =>
  resample(picture, (x, y) => [x, amount * x + y]);

/** Moves the picture to the left by a share of its width, in whole pixels. */
export const translateX = (picture: Picture, amount: number): Picture =>
  shift(picture, Math.floor(amount * picture.width + 0.5), 0);

/** Moves the picture up by a share of its height, in whole pixels. */
export const translateY = (picture: Picture, amount: number): Picture =>
  shift(picture, 0, Math.floor(amount * picture.height + 0.5));

/** The pixel at (x, y) comes from (x + right, y + down). */
export const shift = (picture: Picture, right: number, down: number): Picture =>
  pick(picture, (x, y) => [x + right, y + down]);

/** Left becomes right. */
export const mirror = (picture: Picture): Picture => pick(picture, (x, y) => [picture.width - 1 - x, y]);

/** Turns the picture about its middle, counterclockwise; the nearest pixel, in Pillow's fixed-point arithmetic. */
export function rotate(picture: Picture, degrees: number): Picture {
  const { width, height } = picture;
  const angle = (-degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const fixed = (value: number) => Math.floor(value * 65536 + 0.5);
  const across = (0.5 - width / 2) * cos + (0.5 - height / 2) * sin + width / 2; // where pixel (0, 0) comes from
  const down = (0.5 - height / 2) * cos - (0.5 - width / 2) * sin + height / 2;
  return pick(picture, (x, y) => [
    (fixed(across) + x * fixed(cos) + y * fixed(sin)) >> 16,
    (fixed(down) - x * fixed(sin) + y * fixed(cos)) >> 16,
  ]);
}

/** Blackens a square around (x, y), cut off at the rim (DeVries & Taylor, arXiv 1708.04552). */
export function cutout({ width, height, data }: Picture, x: number, y: number, size: number): Picture {
  const out = data.slice();
  const left = Math.max(0, x - size / 2);
  const right = Math.min(width, x + size / 2);
  for (let row = Math.max(0, y - size / 2); row < Math.min(height, y + size / 2); row++) {
    out.fill(0, (row * width + left) * 3, (row * width + right) * 3);
  }
  return { width, height, data: out };
}

/** Fills every pixel from a whole place in the picture. */
function pick(
  { width, height, data }: Picture,
  from: (x: number, y: number) => readonly [number, number],
): Picture {
  const out = new Uint8Array(data.length).fill(GREY);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const [left, top] = from(x, y);
      if (left < 0 || left >= width || top < 0 || top >= height) continue;
      const source = (top * width + left) * 3;
      for (let c = 0; c < 3; c++) out[at + c] = data[source + c]!;
    }
  }
  return { width, height, data: out };
}

/** Fills every pixel from between pixels of the picture; places are measured from its corner to pixels' middles. */
function resample(picture: Picture, from: (x: number, y: number) => readonly [number, number]): Picture {
  const { width, height, data } = picture;
  const out = new Uint8Array(data.length).fill(GREY);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const [left, top] = from(x + 0.5, y + 0.5);
      if (left < 0 || left >= width || top < 0 || top >= height) continue;
      for (let c = 0; c < 3; c++)
        out[at + c] = Math.min(255, Math.max(0, bicubic(picture, left - 0.5, top - 0.5, c)));
    }
  }
  return { width, height, data: out };
}

/** One channel at (x, y), where pixels' middles are whole numbers; the rim's pixels go on outside. */
function bicubic({ width, height, data }: Picture, x: number, y: number, channel: number): number {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const pixel = (i: number, j: number) => {
    const inside =
      Math.min(height - 1, Math.max(0, row + j)) * width + Math.min(width - 1, Math.max(0, column + i));
    return data[inside * 3 + channel]!;
  };
  const line = (j: number) => cubic(x - column, pixel(-1, j), pixel(0, j), pixel(1, j), pixel(2, j));
  return cubic(y - row, line(-1), line(0), line(1), line(2));
}

/** Cubic convolution with a = -1 between b (at 0) and c (at 1), in Pillow's order of operations. */
function cubic(t: number, a: number, b: number, c: number, d: number): number {
  return b + t * (c - a + t * (2 * (a - b) + c - d + t * (b - a - c + d)));
}
