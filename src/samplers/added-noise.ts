import type * as tf from "../tfjs.js";
import { check } from "../check.js";
import { createRng, stackNormals } from "../rng.js";
import type { Run } from "./run.js";

/** Fresh noise at every call, from a stream for each image. */
export function noiseStreams({ where, zT, options }: Run): () => tf.Tensor4D {
  const { seeds } = options;
  const [batch, height, width, channels] = zT.shape;
  check(seeds !== undefined, where, `${batch} seeds, one per image, to add noise`, seeds);
  // A stream of its own: with the seeds of `noise` the added noise would repeat the starting noise.
  const streams = seeds.map((seed) => createRng(seed).fork("added noise"));
  return () => stackNormals(streams, [height, width, channels]);
}
