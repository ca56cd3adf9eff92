import * as tf from "../../tfjs.js";
import { normal, type Probe } from "../probe.js";
import { at, build, sum, type Values } from "../values.js";

interface Convolution {
  readonly size: number;
  readonly stride: number;
  readonly padding: "same" | "valid" | 1;
  /** The side of the larger images, which have 32 channels; absent where others of its kind are timed. */
  readonly side?: number;
}

/** y[b, i, j, o] = sum over kh, kw, c of x[b, s i + kh - top, s j + kw - left, c] w[kh, kw, c, o]. */
function convolution({ size, stride, padding, side }: Convolution): Probe {
  const border = padding === "valid" ? 0 : 1; // on each side, unless it is "same"
  const outputs = (length: number) =>
    padding === "same" ? Math.ceil(length / stride) : Math.floor((length + 2 * border - size) / stride) + 1;
  const before = (length: number) =>
    padding === "same" ? Math.floor(Math.max(0, (outputs(length) - 1) * stride + size - length) / 2) : border;
  return {
    operation: `conv2d ${size}x${size}, stride ${stride}, ${padding === 1 ? "a border of 1" : padding}`,
    inputs: { x: normal(2, 5, 4, 3), filter: normal(size, size, 3, 4) },
    run: (x: tf.Tensor4D, filter: tf.Tensor4D) =>
      tf.conv2d(x, filter, stride, padding, "NHWC", 1, padding === 1 ? "floor" : undefined),
    reference: (x, filter) => {
      const [batch, height, width, channels] = x.shape as Sizes;
      const shape = [batch, outputs(height), outputs(width), filter.shape[3]!];
      const [top, left] = [before(height), before(width)];
      return build(shape, (b, i, j, o) =>
        window(size, (kh, kw) =>
          sum(
            channels,
            (c) => at(x, b, i * stride - top + kh, j * stride - left + kw, c) * at(filter, kh, kw, c, o),
          ),
        ),
      );
    },
    ...(side !== undefined && {
      larger: {
        shapes: [
          [2, side, side, 32],
          [size, size, 32, 32],
        ],
        multiplications: 2 * outputs(side) ** 2 * size ** 2 * 32 ** 2,
      },
    }),
  };
}

type Sizes = [number, number, number, number];

const window = (size: number, term: (row: number, column: number) => number) =>
  sum(size, (row) => sum(size, (column) => term(row, column)));

/** Each pixel of x spreads over 4x4 pixels, two apart: y[b, 2 i + kh - 1, 2 j + kw - 1, o] += x[b, i, j, c] w[kh, kw, o, c]. */
const transposedConvolution: Probe = {
  operation: "conv2dTranspose 4x4, stride 2",
  inputs: { x: normal(2, 3, 2, 3), filter: normal(4, 4, 2, 3) },
  run: (x: tf.Tensor4D, filter: tf.Tensor4D) => {
    const [batch, height, width] = x.shape;
    return tf.conv2dTranspose(x, filter, [batch, 2 * height, 2 * width, filter.shape[2]], 2, "same");
  },
  reference: (x, filter) => {
    const [batch, height, width, channels] = x.shape as Sizes;
    const tap = (i: number, from: number) => i + 1 - 2 * from;
    const meets = (...taps: number[]) => taps.every((k) => k >= 0 && k < 4);
    return build([batch, 2 * height, 2 * width, filter.shape[2]!], (b, i, j, o) =>
      sum(height, (row) =>
        sum(width, (column) =>
          meets(tap(i, row), tap(j, column))
            ? sum(channels, (c) => at(x, b, row, column, c) * at(filter, tap(i, row), tap(j, column), o, c))
            : 0,
        ),
      ),
    );
  },
  larger: {
    shapes: [
      [4, 8, 8, 32],
      [4, 4, 32, 32],
    ],
    multiplications: 4 * 8 ** 2 * 4 ** 2 * 32 ** 2,
  },
};

interface Transposes {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** The product of two matrices or of each two of a batch, given as they are or transposed. */
function product(x: Values, y: Values, transpose: Transposes = {}): Values {
  const entry = (of: Values, swap: boolean | undefined, outer: number[], i: number, j: number) =>
    swap ? at(of, ...outer, j, i) : at(of, ...outer, i, j);
  const [rows, columns] = [x.shape.at(transpose.a ? -1 : -2)!, y.shape.at(transpose.b ? -2 : -1)!];
  const inner = x.shape.at(transpose.a ? -2 : -1)!;
  return build([...x.shape.slice(0, -2), rows, columns], (...index) => {
    const [i, j] = index.slice(-2) as [number, number];
    const outer = index.slice(0, -2);
    return sum(inner, (k) => entry(x, transpose.a, outer, i, k) * entry(y, transpose.b, outer, k, j));
  });
}

const sizesOf = (
  batch: readonly number[],
  { a, b }: Transposes,
  [n, k, m]: readonly [number, number, number],
): [number[], number[]] => [
  [...batch, ...(a ? [k, n] : [n, k])],
  [...batch, ...(b ? [m, k] : [k, m])],
];

function matMul(operation: string, batched: boolean, transpose: Transposes): Probe {
  const [a, b] = sizesOf(batched ? [2] : [], transpose, [3, 4, 5]);
  return {
    operation,
    inputs: { a: normal(...a), b: normal(...b) },
    run: (x: tf.Tensor, y: tf.Tensor) => tf.matMul(x, y, transpose.a, transpose.b),
    reference: (x, y) => product(x, y, transpose),
    larger: {
      shapes: sizesOf(batched ? [8] : [], transpose, batched ? [128, 32, 128] : [128, 256, 128]),
      multiplications: 128 ** 2 * 256,
    },
  };
}

/**
 * The second product meets the data of the first under another shape, as after any reshape of weights. It is the wider
 * one: stock wasm, which then computes the first shape again, would otherwise write past its result.
 */
const afterReshape: Probe = {
  operation: "matMul after a reshape",
  inputs: { a: normal(2, 4), b: normal(4, 3), c: normal(2, 3) },
  run: (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
    tf.concat([tf.matMul(a, b), tf.matMul(c, tf.reshape(b, [3, 4]))], 1),
  reference: (a, b, c) => {
    const [first, second] = [product(a, b), product(c, { shape: [3, 4], data: b.data })];
    return build([2, 7], (i, j) => (j < 3 ? at(first, i, j) : at(second, i, j - 3)));
  },
};

function fused(operation: string, batched: boolean, transpose: Transposes): Probe {
  const [a, b] = sizesOf(batched ? [2] : [], transpose, [3, 4, 5]);
  return {
    operation,
    inputs: { a: normal(...a), b: normal(...b), bias: normal(5) },
    run: (x: tf.Tensor, y: tf.Tensor, bias: tf.Tensor) =>
      tf.fused.matMul({
        a: x,
        b: y,
        bias,
        transposeA: transpose.a ?? false,
        transposeB: transpose.b ?? false,
      }),
    reference: (x, y, bias) => {
      const plain = product(x, y, transpose);
      return build(plain.shape, (...index) => at(plain, ...index) + at(bias, index.at(-1)!));
    },
  };
}

export const products: readonly Probe[] = [
  convolution({ size: 3, stride: 1, padding: "same", side: 16 }),
  convolution({ size: 3, stride: 2, padding: "valid", side: 33 }),
  convolution({ size: 3, stride: 2, padding: "same" }),
  convolution({ size: 3, stride: 2, padding: 1 }),
  convolution({ size: 1, stride: 1, padding: "same", side: 48 }),
  convolution({ size: 1, stride: 2, padding: "valid" }),
  transposedConvolution,
  matMul("matMul", false, {}),
  matMul("matMul, a transposed", false, { a: true }),
  matMul("matMul, b transposed", false, { b: true }),
  matMul("matMul of batches", true, {}),
  matMul("matMul of batches, b transposed", true, { b: true }),
  afterReshape,
  fused("fused.matMul with a bias", false, {}),
  fused("fused.matMul with a bias, b transposed", false, { b: true }),
  fused("fused.matMul with a bias, of batches", true, {}),
];
