import * as tf from "../../../tfjs.js";
import { kernel, sizeOf } from "../memory/heap.js";

// Where the kernels cannot run, and for other types: see operations/scatter.ts.

export interface SegmentAttributes {
  readonly numSegments: number;
}

/** tf.unsortedSegmentSum, and so the gradient of tf.gather: rows of x summed by segment; other ids are left out. */
export const unsortedSegmentSum: tf.KernelFunc = kernel<SegmentAttributes>(
  ({ x, segmentIds }, backend, { numSegments }) => {
    const rows = sizeOf(segmentIds!.shape);
    const rowShape = x!.shape.slice(segmentIds!.shape.length);
    const width = sizeOf(rowShape);
    const out = backend.makeOutput([numSegments, ...rowShape], x!.dtype);
    const [ids, from, to] = [segmentIds!, x!, out].map((tensor) => backend.typedArrayFromHeap(tensor));
    to!.fill(0);
    for (let row = 0; row < rows; row++) {
      const segment = ids![row]!;
      if (segment < 0 || segment >= numSegments) continue;
      for (let i = 0; i < width; i++) to![segment * width + i]! += from![row * width + i]!;
    }
    return out;
  },
);

type PoolArguments = Parameters<typeof tf.backend_util.computePool2DInfo>;

/** The attributes of MaxPoolGrad. */
export interface PoolAttributes {
  readonly filterSize: PoolArguments[1];
  readonly strides: PoolArguments[2];
  readonly pad: PoolArguments[4];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

/** A pool's sizes, borders and strides, as tfjs works them out. */
export function poolInfo({ shape }: tf.TensorInfo, attrs: PoolAttributes) {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const sizes = shape as PoolArguments[0];
  return tf.backend_util.computePool2DInfo(sizes, filterSize, strides, 1, pad, dimRoundingMode);
}

/** Gradient of tf.maxPool: dy goes to the first maximum of each window, also where all values are negative. */
export const maxPoolGradient: tf.KernelFunc = kernel<PoolAttributes>(({ dy, input }, backend, attrs) => {
  const info = poolInfo(input!, attrs);
  const out = backend.makeOutput(input!.shape, "float32");
  const [from, values, to] = [dy!, input!, out].map((tensor) => backend.typedArrayFromHeap(tensor));
  to!.fill(0);
  let window = 0;
  for (let b = 0; b < info.batchSize; b++) {
    for (let row = 0; row < info.outHeight; row++) {
      for (let column = 0; column < info.outWidth; column++) {
        for (let channel = 0; channel < info.outChannels; channel++) {
          const first = {
            row: row * info.strideHeight - info.padInfo.top,
            column: column * info.strideWidth - info.padInfo.left,
          };
          const at = maximum(
            values!,
            info,
            b * info.inHeight * info.inWidth * info.inChannels + channel,
            first,
          );
          to![at]! += from![window++]!;
        }
      }
    }
  }
  return out;
});

/** Where the first maximum of the window at `first` lies, or its last NaN; windows always meet the image. */
function maximum(
  values: ArrayLike<number>,
  info: ReturnType<typeof tf.backend_util.computePool2DInfo>,
  origin: number,
  first: { readonly row: number; readonly column: number },
): number {
  let best = -1;
  const lastRow = Math.min(info.inHeight, first.row + info.effectiveFilterHeight);
  const lastColumn = Math.min(info.inWidth, first.column + info.effectiveFilterWidth);
  for (let row = Math.max(0, first.row); row < lastRow; row++) {
    for (let column = Math.max(0, first.column); column < lastColumn; column++) {
      const at = origin + (row * info.inWidth + column) * info.inChannels;
      if (best < 0 || values[at]! > values[best]! || Number.isNaN(values[at])) best = at;
    }
  }
  return best;
}
