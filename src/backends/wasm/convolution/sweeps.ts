import type { Added } from "./epilogue.js";
import { visited, type Canvas, type ConvInfo } from "./geometry.js";

// What has to be computed, as sweeps. A sweep is a plain convolution: one filter over one padded image, which writes every
// so many pixels of the output. A convolution is one sweep; its input's gradient, a transposed convolution, is one for each
// phase of the stride (a polyphase decomposition).

/** Of two axes, rows and columns. */
export type Pair = readonly [number, number];
type Shape = readonly [number, number, number, number];

/** One filter on its way. */
export interface Sweep {
  readonly filter: Pair;
  readonly canvas: Canvas;
  readonly by: Pair;
  /** How many output pixels it writes, where the first is, and how far they are apart. */
  readonly size: Pair;
  readonly to: Pair;
  readonly apart: Pair;
  /** Which taps of the weights its filter has, in its own order. */
  readonly taps: readonly number[];
}

export interface Pass {
  /** [batch, height, width, channels] */
  readonly from: Shape;
  readonly to: Shape;
  readonly sweeps: readonly Sweep[];
  /** By a pass of one sweep. */
  readonly added?: Added;
}

const both = <T>(rows: readonly T[], columns: readonly T[]): [T, T][] =>
  rows.flatMap((row) => columns.map((column): [T, T] => [row, column]));

/** y[i] = sum over k of x[s i + k - pad] w[k]. */
export function forwards(info: ConvInfo): Pass {
  const { filterHeight, filterWidth } = info;
  const sweep: Sweep = {
    filter: [filterHeight, filterWidth],
    canvas: visited(info),
    by: [info.strideHeight, info.strideWidth],
    size: [info.outHeight, info.outWidth],
    to: [0, 0],
    apart: [1, 1],
    taps: Array.from({ length: filterHeight * filterWidth }, (_, tap) => tap),
  };
  return { from: info.inShape, to: info.outShape, sweeps: [sweep] };
}

/**
 * dx[i] = sum over k of dy[(i + pad - k) / s] w[k], where that is whole: pixels with the same rest i mod s meet the
 * same taps k, every s-th one, backwards. So there are s sweeps along an axis, and none of them multiplies zeros.
 */
export function backwards(info: ConvInfo): Pass {
  const { strideHeight, strideWidth, filterWidth, padInfo } = info;
  const rows = along(info.inHeight, info.filterHeight, strideHeight, padInfo.top);
  const columns = along(info.inWidth, filterWidth, strideWidth, padInfo.left);
  const sweeps = both(rows, columns).map(([row, column]): Sweep => ({
    filter: [row.taps.length, column.taps.length],
    canvas: { height: row.length, width: column.length, top: row.border, left: column.border },
    by: [1, 1],
    size: [row.size, column.size],
    to: [row.rest, column.rest],
    apart: [strideHeight, strideWidth],
    taps: both(row.taps, column.taps).map(([down, right]) => down * filterWidth + right),
  }));
  return { from: info.outShape, to: info.inShape, sweeps };
}

/** One axis of {@link backwards}: its sweeps, with the border before dy and the length that each visits. */
function along(input: number, filter: number, stride: number, pad: number) {
  return Array.from({ length: Math.min(stride, input) }, (_, rest) => {
    const first = (rest + pad) % stride;
    const count = Math.max(0, Math.ceil((filter - first) / stride));
    const taps = Array.from({ length: count }, (_, i) => first + (count - 1 - i) * stride);
    // The last of the taps meets dy[(rest + pad - first) / stride], the others those before it.
    const border = count - 1 - (rest + pad - first) / stride;
    const size = Math.ceil((input - rest) / stride);
    return { rest, taps, border, size, length: size - 1 + count };
  });
}
