import * as tf from "@tensorflow/tfjs";
import type { Params, Times } from "../types.js";
import { silu } from "./group-norm.js";
import { linear } from "./layers.js";

/**
 * Sines and cosines, interleaved, of position * exp(-(k / width) ln 10000), k = 0, 2, ..., one row per time.
 * Computed on the host in float64: GPU engines are 2e-4 off at arguments near 1000. Vaswani et al. 2017, sec. 3.5.
 *
 * @returns [times.length * width] numbers; the position of time t is t * timeScale
 */
export function encodeTimes(times: Times, timeScale: number, width: number): Float32Array {
  const rows = new Float32Array(times.length * width);
  times.forEach((time, row) => {
    for (let k = 0; k < width; k += 2) {
      const angle = time * timeScale * Math.exp((-k / width) * Math.log(10000));
      rows[row * width + k] = Math.sin(angle);
      rows[row * width + k + 1] = Math.cos(angle);
    }
  });
  return rows;
}

/** The encoded times through Linear, SiLU, Linear: [B, tdim]. */
export function timeEmbedding(
  times: Times,
  params: Params,
  options: { readonly timeScale: number; readonly width: number },
): tf.Tensor2D {
  const { timeScale, width } = options;
  const encoded = tf.tensor2d(encodeTimes(times, timeScale, width), [times.length, width]);
  const hidden = silu(linear(encoded, params, "time_embedding.timembedding.1"));
  return linear(hidden, params, "time_embedding.timembedding.3");
}
