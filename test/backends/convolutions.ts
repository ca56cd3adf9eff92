import * as tf from "@tensorflow/tfjs";
import { createRng } from "../../src/index.js";

/** A convolution of every kind of size, its values and gradients. */
export interface Shape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride: number;
  /** Or so many zeros on every side, or above, below, left and right. */
  readonly pad: "same" | "valid" | number | readonly [number, number, number, number];
}

const rng = createRng(11);
const normals = (shape: number[]) => rng.normals(tf.util.sizeFromShape(shape));

export interface Values {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly dy: Float32Array;
}

export const draw = ({ batch, height, width, inputs, outputs, size }: Shape): Values => ({
  x: normals([batch, height, width, inputs]),
  w: normals([size, size, inputs, outputs]),
  dy: normals([batch, height + 4, width + 4, outputs]),
});

/** As tf.conv2d wants it. */
function paddingOf(pad: Shape["pad"]) {
  if (typeof pad === "string") return pad;
  const [top, bottom, left, right] = typeof pad === "number" ? [pad, pad, pad, pad] : pad;
  const borders = [0, top, left, 0].map((before, i) => [before, [0, bottom, right, 0][i]!]);
  return borders as tf.backend_util.ExplicitPadding;
}

/** A convolution's value and both gradients on the engine that runs. */
export async function evaluate(values: Values, { batch, height, width, inputs, outputs, ...rest }: Shape) {
  const { size, stride, pad } = rest;
  const padding = paddingOf(pad);
  const results = tf.tidy(() => {
    const x = tf.tensor4d(values.x, [batch, height, width, inputs]);
    const w = tf.tensor4d(values.w, [size, size, inputs, outputs]);
    const convolve = (a: tf.Tensor, b: tf.Tensor) =>
      tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, padding);
    const y = convolve(x, w);
    const dy = tf.tensor4d(values.dy.slice(0, y.size), y.shape);
    return [y, ...tf.grads(convolve)([x, w], dy)];
  });
  const data = await Promise.all(results.map(async (result) => (await result.data()).slice()));
  tf.dispose(results);
  return data as Float32Array[];
}

/** Sizes with full and partial tiles, blocks and panels. */
export const examples: Shape[] = [
  { batch: 3, height: 1, width: 1, inputs: 9, outputs: 17, size: 3, stride: 1, pad: "same" },
  { batch: 2, height: 9, width: 7, inputs: 3, outputs: 3, size: 3, stride: 2, pad: "same" },
  { batch: 3, height: 24, width: 23, inputs: 5, outputs: 12, size: 3, stride: 1, pad: "same" },
  { batch: 3, height: 9, width: 9, inputs: 20, outputs: 8, size: 1, stride: 2, pad: "same" },
  // By Winograd's tiles: odd sizes, several and parts of images at a time, all borders.
  { batch: 3, height: 9, width: 12, inputs: 16, outputs: 20, size: 3, stride: 1, pad: "same" },
  { batch: 7, height: 10, width: 10, inputs: 20, outputs: 16, size: 3, stride: 1, pad: "valid" },
  { batch: 2, height: 23, width: 24, inputs: 16, outputs: 16, size: 3, stride: 1, pad: 2 },
  { batch: 1, height: 7, width: 40, inputs: 36, outputs: 24, size: 3, stride: 1, pad: 1 },
  // The gradient cuts off a border of dy.
  { batch: 2, height: 9, width: 9, inputs: 16, outputs: 16, size: 3, stride: 1, pad: 3 },
  { batch: 27, height: 3, width: 5, inputs: 4, outputs: 9, size: 3, stride: 2, pad: 1 },
  // By the larger tiles: just enough of them, odd sizes, halves of panels, borders that differ, one that is cut off.
  { batch: 2, height: 13, width: 14, inputs: 16, outputs: 20, size: 3, stride: 1, pad: "same" },
  { batch: 5, height: 17, width: 18, inputs: 20, outputs: 36, size: 3, stride: 1, pad: [2, 0, 0, 1] },
  { batch: 2, height: 16, width: 19, inputs: 28, outputs: 16, size: 3, stride: 1, pad: [0, 3, 3, 1] },
  { batch: 1, height: 33, width: 40, inputs: 16, outputs: 16, size: 3, stride: 1, pad: 1 },
  // On either side of what tiles are for: four of them, half full; 16 channels, and a multiple of four.
  { batch: 1, height: 8, width: 8, inputs: 16, outputs: 16, size: 3, stride: 1, pad: "same" },
  { batch: 1, height: 4, width: 12, inputs: 16, outputs: 16, size: 3, stride: 1, pad: "same" },
  { batch: 1, height: 4, width: 13, inputs: 16, outputs: 16, size: 3, stride: 1, pad: [0, 2, 2, 0] },
  { batch: 2, height: 5, width: 6, inputs: 16, outputs: 16, size: 3, stride: 1, pad: [1, 1, 2, 0] },
  { batch: 2, height: 5, width: 7, inputs: 16, outputs: 16, size: 3, stride: 1, pad: [2, 0, 0, 2] },
  { batch: 1, height: 9, width: 9, inputs: 15, outputs: 16, size: 3, stride: 1, pad: [0, 2, 1, 1] },
  { batch: 1, height: 9, width: 9, inputs: 16, outputs: 18, size: 3, stride: 1, pad: [2, 0, 1, 1] },
  { batch: 1, height: 9, width: 9, inputs: 20, outputs: 16, size: 3, stride: 1, pad: [0, 1, 2, 0] },
  // Tiles, but no channels for them.
  { batch: 2, height: 9, width: 9, inputs: 18, outputs: 17, size: 3, stride: 1, pad: "same" },
  { batch: 1, height: 16, width: 16, inputs: 12, outputs: 16, size: 3, stride: 1, pad: [1, 0, 2, 1] },
  { batch: 2, height: 11, width: 10, inputs: 3, outputs: 9, size: 3, stride: 2, pad: [0, 2, 2, 1] },
  // Borders wider than the filter; some of the input, and all of it, met by no tap.
  { batch: 2, height: 5, width: 4, inputs: 2, outputs: 3, size: 1, stride: 3, pad: 2 },
  { batch: 2, height: 1, width: 1, inputs: 2, outputs: 3, size: 1, stride: 2, pad: 1 },
];
