import * as tf from "./tfjs.js";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import { MOST } from "./bounds.js";
import { check, checkPositiveInteger, checkSeeds } from "./check.js";

/**
 * Where a stream stands, as plain JSON: 8 integers of 32 bits, each from -2^31 to 2^31 - 1. A few hundred bytes say all of a
 * stream of any length; a checkpoint keeps one.
 */
export interface RngState {
  /** Four integers that name the stream, from its seed and the keys it was forked by; they never change. `fork` starts here. */
  readonly identity: readonly number[];
  /** Four integers that the next number comes from; equal to `identity` before the first draw. */
  readonly position: readonly number[];
}

/**
 * A seeded stream of random numbers that can be forked into independent streams, saved and restored. Drawing changes it:
 * each method but `fork` and `state` moves the stream on, by the 32-bit words that it says.
 */
export interface Rng {
  /** The next number, uniform in [0, 1): a multiple of 2^-32. One word. */
  uniform(): number;
  /**
   * The next integer, uniform in {0, ..., below - 1} but for a bias of at most below / 2^32. One word.
   * Throws if `below` is not an integer from 1 to 2^32.
   */
  integer(below: number): number;
  /**
   * The next `count` numbers of the standard normal distribution (mean 0, variance 1), rounded to float32. Two words for
   * each two numbers; an odd count leaves its last one unused. (Box & Muller 1958.)
   * Throws if `count` is not an integer from 0 to 2^28.
   */
  normals(count: number): Float32Array;
  /**
   * The integers 0, ..., count - 1 in random order (Fisher & Yates). count - 1 words.
   * Throws if `count` is not an integer from 0 to 2^28.
   */
  permutation(count: number): number[];
  /**
   * An independent stream named by `key`, at its beginning; this one does not move. It depends on this stream's identity
   * and the key alone, not on how many numbers were drawn: the same key gives the same stream each time, and a draw that
   * is added somewhere does not change every other stream. "1" and 1 are two keys.
   * Throws if `key` is neither a string nor a safe integer.
   */
  fork(key: string | number): Rng;
  /** A copy of the state, from which {@link restoreRng} goes on with the very next number; this stream does not move. */
  state(): RngState;
}

/**
 * A random number stream on the host (xoroshiro128+, Blackman & Vigna 2018), the same on every engine and platform. Not for
 * secrets.
 *
 * @param seed any safe integer
 * @returns a stream; equal seeds give equal streams
 * @throws if `seed` is not a safe integer
 * @example
 * ```ts
 * import { createRng } from "cfd-distill";
 * const rng = createRng(7);
 * const steps = rng.fork("times").integer(1024); // does not advance `rng`
 * const eps = rng.normals(3);
 * ```
 */
export function createRng(seed: number): Rng {
  check(Number.isSafeInteger(seed), "createRng", "seed to be a safe integer", seed);
  return start(mix([seed | 0, Math.floor(seed / 2 ** 32) | 0, 0x5eed, 0]));
}

/**
 * Continues a stream where {@link Rng.state} was taken.
 *
 * @param state what `rng.state()` returned, also after a round trip through JSON
 * @returns a stream whose next number is the one the saved stream would have drawn
 * @throws if `state` is not such a state
 * @example
 * ```ts
 * import { createRng, restoreRng } from "cfd-distill";
 * const rng = createRng(7);
 * const copy = restoreRng(rng.state());
 * console.log(rng.uniform() === copy.uniform()); // true
 * ```
 */
export function restoreRng(state: RngState): Rng {
  // A generator that stands at four zeros stays there; no stream comes to that.
  const isWords = (words: unknown) =>
    Array.isArray(words) &&
    words.length === 4 &&
    words.every((w) => w === (w | 0)) &&
    words.some((w) => w !== 0);
  const valid = isWords(state?.identity) && isWords(state?.position);
  const expected = "a state with 4 integers of 32 bits, not all 0, each in identity and position";
  check(valid, "restoreRng", expected, state);
  return start(state.identity, state.position);
}

/**
 * Starting noise of a sampler: one standard normal image per seed, each from a stream of its own, so that
 * image i depends on `seeds[i]` and not on the batch it is drawn in.
 *
 * @param seeds one safe integer per image
 * @param shape [height, width, channels]
 * @returns tensor [seeds.length, height, width, channels]; the caller disposes it
 * @throws if a seed or a size is not an integer, or `seeds` is empty
 * @example
 * ```ts
 * import { noise } from "cfd-distill";
 * const zT = noise([1, 2, 3], [32, 32, 3]);
 * console.log(zT.shape); // [3, 32, 32, 3]
 * zT.dispose();
 * ```
 */
export function noise(seeds: readonly number[], shape: readonly [number, number, number]): tf.Tensor4D {
  checkSeeds(seeds, "noise");
  check(seeds.length > 0, "noise", "at least one seed", seeds);
  check(Array.isArray(shape) && shape.length === 3, "noise", "shape to be [height, width, channels]", shape);
  for (const size of shape) checkPositiveInteger(size, "noise", "every size in shape");
  const size = shape[0] * shape[1] * shape[2];
  const expected = `at most ${MOST.pixels} numbers in all images`;
  check(
    seeds.length * size <= MOST.pixels,
    "noise",
    expected,
    `${seeds.length} images of ${shape.join("x")}`,
  );
  return stackNormals(seeds.map(createRng), shape);
}

/** The next image of each stream, stacked: [streams.length, ...shape]. */
export function stackNormals(streams: readonly Rng[], shape: readonly [number, number, number]): tf.Tensor4D {
  const size = shape[0] * shape[1] * shape[2];
  const values = new Float32Array(streams.length * size);
  streams.forEach((stream, i) => {
    values.set(stream.normals(size), i * size);
  });
  return tf.tensor4d(values, [streams.length, ...shape]);
}

function start(identity: readonly number[], position: readonly number[] = identity): Rng {
  const generator = xoroshiro128plusFromState([...position]);
  const uint32 = () => generator.next() >>> 0;
  const uniform = () => uint32() / 2 ** 32;
  const integer = (below: number) => {
    checkPositiveInteger(below, "Rng.integer", "below");
    check(below <= 2 ** 32, "Rng.integer", "below to be at most 2^32, the values there are", below);
    return Math.floor(uniform() * below);
  };
  return {
    uniform,
    integer,
    normals(count) {
      checkCount(count, "Rng.normals");
      const values = new Float32Array(count);
      // Box-Muller: two uniforms, of which the first is never 0, make two normals.
      for (let i = 0; i < count; i += 2) {
        const radius = Math.sqrt(-2 * Math.log((uint32() + 0.5) / 2 ** 32));
        const angle = 2 * Math.PI * uniform();
        values[i] = radius * Math.cos(angle);
        if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
      }
      return values;
    },
    permutation(count) {
      checkCount(count, "Rng.permutation");
      const order = Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = integer(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
    fork: (key) => start(mix([...identity, ...words(key)])),
    state: () => ({ identity: [...identity], position: [...generator.getState()] }),
  };
}

/** Throws unless `rng` is a random stream. */
export function checkRng(rng: unknown, where: string): void {
  const { uniform, integer, fork } = (rng ?? {}) as Partial<Rng>;
  const isRng = [uniform, integer, fork].every((draw) => typeof draw === "function");
  check(isRng, where, "rng to be a random stream, see createRng", rng);
}

function checkCount(count: number, where: string): void {
  check(Number.isSafeInteger(count) && count >= 0, where, "count to be a non-negative integer", count);
  check(count <= MOST.pixels, where, `count to be at most ${MOST.pixels}`, count);
}

/** A fork's key as integers; the leading tag keeps "1" and 1 apart. */
function words(key: string | number): number[] {
  if (typeof key === "string") return [1, ...Array.from(key, (character) => character.codePointAt(0)!)];
  check(Number.isSafeInteger(key), "Rng.fork", "key to be a string or a safe integer", key);
  return [2, key | 0, Math.floor(key / 2 ** 32) | 0];
}

/** Hashes integers into four words that seed a generator, with MurmurHash3's block and final mixers. */
function mix(input: readonly number[]): number[] {
  const state = [0, 1, 2, 3].map((lane) => {
    let hash = Math.imul(lane + 1, 0x9e3779b9);
    for (const word of input) {
      const block = Math.imul(word, 0xcc9e2d51);
      hash ^= Math.imul((block << 15) | (block >>> 17), 0x1b873593);
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
    }
    return finalMix(hash ^ input.length);
  });
  return state.some((word) => word !== 0) ? state : [1, 2, 3, 4];
}

function finalMix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
