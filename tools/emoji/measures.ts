// What pictures of the emoji are judged by: clean margins, and whether they are drawn or remembered.
import type { ImageSet } from "cfd-distill/data";

/** Pictures, one after the other, in [-1, 1]: rows, columns, channels. */
export interface Pictures {
  readonly values: Float32Array;
  readonly shape: ImageSet["shape"];
}

/** How far a pixel's channels may be from 1 for it to count as white. */
const NEAR_WHITE = 0.05;

/** The share of the pixels at the edges of all pictures that are white. */
export function whiteShare({ values, shape: [height, width, channels] }: Pictures): number {
  let [edge, white] = [0, 0];
  for (let pixel = 0; pixel < values.length / channels; pixel++) {
    const [row, column] = [Math.floor(pixel / width) % height, pixel % width];
    if (row % (height - 1) !== 0 && column % (width - 1) !== 0) continue;
    edge++;
    const colour = values.subarray(pixel * channels, (pixel + 1) * channels);
    if (colour.every((value) => value >= 1 - NEAR_WHITE)) white++;
  }
  return white / edge;
}

/** Of each picture the distance, root mean square, to the nearest of `others`. */
export function nearestDistances({ values, shape }: Pictures, others: Pictures): number[] {
  const size = sizeOf(shape);
  const count = (pictures: Pictures) => pictures.values.length / size;
  return Array.from({ length: count({ values, shape }) }, (_, i) => {
    let nearest = Infinity;
    for (let other = 0; other < count(others); other++) {
      let sum = 0;
      for (let at = 0; at < size && sum < nearest; at++) {
        sum += (values[i * size + at]! - others.values[other * size + at]!) ** 2;
      }
      nearest = Math.min(nearest, sum);
    }
    return Math.sqrt(nearest / size);
  });
}

/** Each picture, and behind all of them each mirrored. */
export function withMirrored({ values, shape }: Pictures): Pictures {
  const [, width, channels] = shape;
  const both = new Float32Array(2 * values.length);
  both.set(values);
  for (let at = 0; at < values.length; at++) {
    const [pixel, channel] = [Math.floor(at / channels), at % channels];
    const column = pixel % width;
    both[values.length + (pixel - column + width - 1 - column) * channels + channel] = values[at]!;
  }
  return { values: both, shape };
}

const sizeOf = ([height, width, channels]: Pictures["shape"]) => height * width * channels;
