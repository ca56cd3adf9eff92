import * as tf from "../tfjs.js";
import { canFuse, runFused } from "../autodiff/run-fused.js";
import { differentiable } from "../autodiff/custom-gradient.js";
import { isRecording } from "../autodiff/internals.js";

/**
 * The mean over each image's pixels: [B, H, W, C] to [B, 1, 1, C]. Pooling does it about ten times faster than
 * `tf.mean` on wasm, which transposes first; in two stages float32 rounding stays small for large images.
 */
export function pixelMean(x: tf.Tensor4D): tf.Tensor4D {
  const [, height, width] = x.shape;
  return differentiable(
    {
      keep: "nothing",
      forward: (input: tf.Tensor4D): tf.Tensor4D => {
        const rows = height === 1 ? input : tf.avgPool(input, [height, 1], 1, "valid");
        return width === 1 ? rows.clone() : tf.avgPool(rows, [1, width], 1, "valid");
      },
      backward: (dy) => [tf.mul(tf.div(dy, height * width), tf.ones([1, height, width, 1]))],
      fused: { kernel: "PixelMean", attrs: { height, width } },
    },
    x,
  );
}

/**
 * x [B, H, W, C] plus one number per channel ([C]) or per sample and channel ([B, C]). Unlike `tf.add` it keeps
 * nothing for the gradient, whose sums go through {@link pixelMean}.
 */
export function addPerChannel(x: tf.Tensor4D, values: tf.Tensor): tf.Tensor4D {
  const channels = x.shape[3];
  const perSample = values.rank === 2;
  return differentiable(
    {
      keep: "nothing",
      forward: (a: tf.Tensor4D, b: tf.Tensor): tf.Tensor4D =>
        tf.add(a, perSample ? tf.reshape(b, [-1, 1, 1, channels]) : b),
      backward: (dy) => [dy.clone(), composedSums(dy, perSample)],
      fused: { kernel: "AddPerChannel", attrs: { perSample } },
    },
    x,
    values,
  );
}

function composedSums(x: tf.Tensor4D, perSample: boolean): tf.Tensor {
  const [, height, width, channels] = x.shape;
  const perImage = tf.mul(tf.reshape(pixelMean(x), [-1, channels]), height * width);
  return perSample ? perImage : tf.sum(perImage, 0);
}

/** The sums over pixels, of each channel ([C]) or of each sample and channel ([B, C]): {@link addPerChannel}'s gradient. */
export function sumPerChannel(x: tf.Tensor4D, perSample: boolean): tf.Tensor {
  const fused = { kernel: "AddPerChannelGradient", attrs: { perSample } } as const;
  if (isRecording() || !canFuse(fused.kernel, [x])) return composedSums(x, perSample);
  const [same, sums] = runFused(fused, { dy: x });
  same.dispose();
  return sums!;
}

/** a + b of one shape, keeping neither for the gradient as `tf.add` would. */
export function addSame(a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  return differentiable(
    {
      keep: "nothing",
      forward: (x: tf.Tensor4D, y: tf.Tensor4D): tf.Tensor4D => tf.add(x, y),
      backward: (dy) => [dy.clone(), dy.clone()],
    },
    a,
    b,
  );
}
