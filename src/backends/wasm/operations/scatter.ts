import type * as tf from "../../../tfjs.js";
import { channelSlices, imageSizes, SLICE } from "../fused/channelwise.js";
import { address, kernel, sizeOf } from "../memory/heap.js";
import { PASS, run } from "../threads/jobs.js";
import { poolInfo, type PoolAttributes, type SegmentAttributes } from "../stock/scatter.js";

/** tf.unsortedSegmentSum of float32. */
export function directSegmentSum(composed: tf.KernelFunc): tf.KernelFunc {
  const own = kernel<SegmentAttributes>(({ x, segmentIds }, backend, { numSegments: segments }) => {
    const rows = sizeOf(segmentIds!.shape);
    const rowShape = x!.shape.slice(segmentIds!.shape.length);
    const channels = sizeOf(rowShape);
    const out = backend.makeOutput([segments, ...rowShape], "float32");
    const places = [x!, segmentIds!, out].map((tensor) => address(backend, tensor));
    const job = { units: Math.ceil(channels / SLICE), work: PASS * (rows + segments) * SLICE };
    run(backend, "sumSegments", job, ...places, rows, segments, channels);
    return out;
  });
  return (call) => (call.inputs.x!.dtype === "float32" ? own(call) : composed(call));
}

/** Gradient of tf.maxPool: dy goes to the first maximum of each window, also where all values are negative. */
export const directMaxPoolGradient: tf.KernelFunc = kernel<PoolAttributes>(
  ({ dy, input }, backend, attrs) => {
    const { outHeight, outWidth, ...info } = poolInfo(input!, attrs);
    const { inHeight, inWidth, inChannels, effectiveFilterHeight, effectiveFilterWidth } = info;
    const out = backend.makeOutput(input!.shape, "float32");
    const places = [input!, dy!, out].map((tensor) => address(backend, tensor));
    const { units, work } = channelSlices(imageSizes(input!));
    const sizes = [inHeight, inWidth, inChannels, outHeight, outWidth];
    const window = [effectiveFilterHeight, effectiveFilterWidth, info.strideHeight, info.strideWidth];
    const job = { units, work: work * (1 + (window[0]! * window[1]!) / (window[2]! * window[3]!)) };
    const { top, left } = info.padInfo;
    run(backend, "maxPoolGradient", job, ...places, ...sizes, ...window, top, left);
    return out;
  },
);
