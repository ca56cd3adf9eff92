// Operations that change each value by itself, as Pillow's ImageOps does: through a table of 256 entries.
import type { Picture } from "cfd-distill/data";

/** 255 minus every value. */
export const invert = (picture: Picture): Picture => mapValues(picture, (value) => 255 - value);

/** Inverts the values that are not below `threshold`. */
export const solarize = (picture: Picture, threshold: number): Picture =>
  mapValues(picture, (value) => (value < threshold ? value : 255 - value));

/** Keeps the upper `bits` of the eight. */
export const posterize = (picture: Picture, bits: number): Picture =>
  mapValues(picture, (value) => value & -(2 ** (8 - bits)));

/** Stretches each channel so that its smallest value becomes 0 and its largest 255. */
export function autoContrast(picture: Picture): Picture {
  return mapChannels(picture, (counts) => {
    const low = counts.findIndex((count) => count > 0);
    const high = counts.reduce((last, count, value) => (count > 0 ? value : last), 0);
    if (high <= low) return (value) => value;
    const scale = 255 / (high - low);
    const offset = -low * scale; // apart, because Pillow rounds it so
    return (value) => Math.trunc(value * scale + offset);
  });
}

/** Spreads each channel's values so that all become about equally frequent. */
export function equalize(picture: Picture): Picture {
  return mapChannels(picture, (counts) => {
    const used = counts.filter((count) => count > 0);
    const pixels = picture.width * picture.height;
    const step = Math.floor((pixels - used.at(-1)!) / 255);
    if (used.length <= 1 || step === 0) return (value) => value;
    const below = Uint32Array.from(counts); // how many pixels are darker
    let sum = 0;
    for (const [value, count] of counts.entries()) {
      below[value] = sum;
      sum += count;
    }
    return (value) => Math.floor((Math.floor(step / 2) + below[value]!) / step);
  });
}

const tableOf = (change: (value: number) => number) =>
  Uint8ClampedArray.from({ length: 256 }, (_, value) => change(value));

function mapValues({ width, height, data }: Picture, change: (value: number) => number): Picture {
  const table = tableOf(change);
  return { width, height, data: data.map((value) => table[value]!) };
}

/** `changeOf` is given how often each value occurs in a channel. */
function mapChannels(
  { width, height, data }: Picture,
  changeOf: (counts: Uint32Array) => (value: number) => number,
): Picture {
  const tables = [0, 1, 2].map((channel) => {
    const counts = new Uint32Array(256);
    for (let at = channel; at < data.length; at += 3) counts[data[at]!]!++;
    return tableOf(changeOf(counts));
  });
  return { width, height, data: data.map((value, at) => tables[at % 3]![value]!) };
}
