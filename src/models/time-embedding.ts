import * as tf from "../tfjs.js";
import { shiftedTime } from "../schedules/flow.js";
import type { Params, Times } from "../types.js";
import { silu } from "./group-norm.js";
import { linear } from "./layers.js";

/** How a time becomes a position, and how many numbers a position becomes. */
export interface TimeEncoding {
  readonly timeScale: number;
  readonly timeOffset: number;
  readonly timeShift?: number;
  readonly frequencyShift: number;
  /** Numbers a time. */
  readonly width: number;
}

/**
 * Sines and cosines, interleaved, of position * exp(-ln(10000) i / (width / 2 - frequencyShift)), i = 0, 1, ...
 * Computed on the host in float64: GPU engines are 2e-4 off at arguments near 1000. Vaswani et al. 2017, sec. 3.5.
 *
 * @returns [times.length * width] numbers, one row per time; the position of time t, shifted, is t * timeScale + timeOffset
 */
export function encodeTimes(times: Times, encoding: TimeEncoding): Float32Array<ArrayBuffer> {
  const { timeScale, timeOffset, timeShift, frequencyShift, width } = encoding;
  const rows = new Float32Array(times.length * width);
  times.forEach((t, row) => {
    const time = timeShift === undefined ? t : shiftedTime(t, timeShift);
    for (let k = 0; k < width; k += 2) {
      const exponent = k / (width - 2 * frequencyShift);
      const angle = (time * timeScale + timeOffset) * Math.exp(-exponent * Math.log(10000));
      rows[row * width + k] = Math.sin(angle);
      rows[row * width + k + 1] = Math.cos(angle);
    }
  });
  return rows;
}

/** The encoded times through Linear, SiLU, Linear: [B, tdim]. */
export function timeEmbedding(times: Times, params: Params, encoding: TimeEncoding): tf.Tensor2D {
  const encoded = tf.tensor2d(encodeTimes(times, encoding), [times.length, encoding.width]);
  const hidden = silu(linear(encoded, params, "time_embedding.timembedding.1"));
  return linear(hidden, params, "time_embedding.timembedding.3");
}
