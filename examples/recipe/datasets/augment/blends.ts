// Operations that go from a poorer version of a picture to it and beyond, as Pillow's ImageEnhance does: a factor of 0
// gives the poorer version, 1 the picture itself.
import type { Picture } from "cfd-distill/data";

/** From black. */
export const brightness = (picture: Picture, factor: number): Picture =>
  blend(new Uint8Array(picture.data.length), picture, factor);

/** From shades of grey. */
export function color(picture: Picture, factor: number): Picture {
  const grey = greyOf(picture);
  return blend(
    picture.data.map((_, at) => grey[Math.floor(at / 3)]!),
    picture,
    factor,
  );
}

/** From the mean grey. */
export function contrast(picture: Picture, factor: number): Picture {
  const grey = greyOf(picture);
  const mean = Math.floor(grey.reduce((sum, value) => sum + value, 0) / grey.length + 0.5);
  return blend(new Uint8Array(picture.data.length).fill(mean), picture, factor);
}

/** From a smoothed version. */
export const sharpness = (picture: Picture, factor: number): Picture =>
  blend(smooth(picture), picture, factor);

/** ITU-R 601-2 luma in sixteenths of 2^-12, one byte a pixel. */
function greyOf({ data }: Picture): Uint8Array {
  return Uint8Array.from({ length: data.length / 3 }, (_, i) => {
    const [red, green, blue] = [data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!];
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  });
}

/** The mean of each pixel, five times, and its eight neighbours; the rim stays as it is. */
function smooth({ width, height, data }: Picture): Uint8Array {
  const out = data.slice();
  const row = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * row + 3; at < (y + 1) * row - 3; at++) {
      let sum = 4 * data[at]!;
      for (const line of [at - row, at, at + row]) sum += data[line - 3]! + data[line]! + data[line + 3]!;
      out[at] = Math.floor(sum / 13 + 0.5);
    }
  }
  return out;
}

/** In float32, and cut off rather than rounded, as Pillow computes it. */
function blend(from: Uint8Array, { width, height, data }: Picture, factor: number): Picture {
  const share = Math.fround(factor);
  const mixed = data.map((value, at) => {
    const start = from[at]!;
    const sum = Math.fround(start + Math.fround(share * (value - start)));
    return Math.min(255, Math.max(0, sum));
  });
  return { width, height, data: mixed };
}
