import * as tf from "../tfjs.js";
import type { FusedKernels, FusedName, Passage } from "../autodiff/fused-kernels.js";
import { canFuse, numbered, runFused } from "../autodiff/run-fused.js";
import { addPerChannel, addSame, sumPerChannel } from "./channelwise.js";
import { isRecording } from "../autodiff/internals.js";

/** What is added to a convolution's outputs, in this order. */
export interface Added {
  /** [C], one number per channel. */
  readonly bias?: tf.Tensor | undefined;
  /** [B, C], one per sample and channel. */
  readonly rows?: tf.Tensor2D | undefined;
  /** Of the output's shape. */
  readonly residual?: tf.Tensor4D | undefined;
}

/** The convolution and what is added to it: in one kernel where the engine has it, so that outputs go to memory once. */
export function convolve(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  passage: Passage,
  { bias, rows, residual }: Added = {},
): tf.Tensor4D {
  const attrs = { ...passage, bias: !!bias, rows: !!rows, residual: !!residual };
  const inputs = [x, filter, bias, rows, residual].filter((tensor) => tensor !== undefined);
  if (x.size * filter.size > 0 && canFuse("Convolve", inputs)) {
    if (tf.getGradient(gradient.kernelName) === undefined) tf.registerGradient(gradient);
    return runFused({ kernel: "Convolve", attrs }, numbered("input", inputs))[0] as tf.Tensor4D;
  }
  let y = composed(x, filter, passage);
  if (bias) y = addPerChannel(y, bias);
  if (rows) y = addPerChannel(y, rows);
  return residual ? addSame(y, residual) : y;
}

/** Of the kernel; unlike a custom gradient's, each is computed only where it is needed. */
const gradient: tf.GradConfig = {
  kernelName: "Convolve" satisfies FusedName,
  inputsToSave: ["input0", "input1"],
  gradFunc: (dys, saved, attrs) => {
    const [dy, x, filter] = [dys, ...saved] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const { bias, rows, residual, ...passage } = attrs as unknown as FusedKernels["Convolve"];
    const ofAdded = [
      ...(bias ? [() => sumPerChannel(dy, false)] : []),
      ...(rows ? [() => sumPerChannel(dy, true)] : []),
      ...(residual ? [() => dy.clone()] : []),
    ];
    return {
      input0: () =>
        isRecording()
          ? tf.grad((a) => composed(a as tf.Tensor4D, filter, passage))(x, dy)
          : runFused(
              { kernel: "ConvolveInputGradient", attrs: { ...passage, shape: x.shape } },
              { dy, filter },
            )[0],
      input1: () =>
        isRecording()
          ? tf.grad((f) => composed(x, f as tf.Tensor4D, passage))(filter, dy)
          : runFused(
              { kernel: "ConvolveFilterGradient", attrs: { ...passage, shape: filter.shape } },
              { x, dy },
            )[0],
      ...Object.fromEntries(ofAdded.map((compute, i) => [`input${i + 2}`, compute])),
    };
  },
};

function composed(x: tf.Tensor4D, filter: tf.Tensor4D, { stride, border, upsampled }: Passage): tf.Tensor4D {
  if (upsampled) return transposedConv2d(x, filter);
  if (border === "same") return tf.conv2d(x, filter, stride, "same");
  const both: [number, number] = [border, border];
  return tf.conv2d(tf.pad(x, [[0, 0], both, both, [0, 0]]), filter, stride, "valid");
}

/**
 * Taps that meet copies of one pixel are summed first, which leaves (k + 1)^2 / 4 products of k^2: a transposed
 * convolution with stride 2 (Dumoulin & Visin 2016, sec. 4), whose filter is the sums of neighbouring taps, backwards.
 */
function transposedConv2d(x: tf.Tensor4D, weight: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const summed = tf.transpose(pairSums(pairSums(weight, 0), 1), [0, 1, 3, 2]);
  const shape: [number, number, number, number] = [batch, 2 * height, 2 * width, weight.shape[3]];
  return tf.conv2dTranspose(x, summed, shape, 2, "same");
}

/** The sums of each two neighbours along an axis, and its ends alone, from the last to the first. */
function pairSums(x: tf.Tensor4D, axis: number): tf.Tensor4D {
  // In a new array: the tape has the one that tf.split returns.
  const parts = [...tf.split<tf.Tensor4D>(x, x.shape[axis]!, axis)].reverse();
  const sums = parts.slice(1).map((part, i) => tf.add<tf.Tensor4D>(part, parts[i]!));
  const all = [parts[0]!, ...sums, parts.at(-1)!];
  return tf.concat(all, axis);
}
