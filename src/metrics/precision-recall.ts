import { check, checkOptions } from "../check.js";
import { countPair, type Features } from "./features.js";
import { blocksOf, squaredDistances } from "./pairs.js";

/** Options of {@link precisionRecall}. */
export interface PrecisionRecallOptions {
  /** A vector's ball reaches to its k-th nearest neighbour in its own set; default 5 (Naeem et al.; others take 3). */
  readonly k?: number;
}

/** How much of each set lies where the other one is. */
export interface PrecisionRecall {
  /** The share of generated vectors within the ball of some real one. */
  readonly precision: number;
  /** The share of real vectors within the ball of some generated one. */
  readonly recall: number;
  /** How many balls of real vectors a generated one lies in, on average, over k; may exceed 1. */
  readonly density: number;
  /** The share of real vectors whose ball holds a generated one. */
  readonly coverage: number;
}

/**
 * Precision and recall of Kynkäänniemi et al., density and coverage of Naeem et al.: quality and variety apart. Balls hold
 * their surface, as in the papers' definitions; the published code of density and coverage leaves it out, which matters only where
 * distances are exactly equal (of a set with itself that code has density 1, this function (k + 1) / k).
 * Distances are in float64 and are computed in blocks: for n vectors a side 256 n of them are in memory.
 *
 * @param real features of real images
 * @param generated features of generated ones, of the same width
 * @param options k
 * @returns four numbers; precision, recall and coverage are in [0, 1]
 * @throws if widths differ, a value is not finite, or a set has fewer than k + 1 vectors
 * @see Kynkäänniemi et al. 2019 (arXiv 1904.06991), Eqs. 1 and 2; Naeem et al. 2020 (arXiv 2002.09797), Eqs. 3 to 5
 * @example
 * ```ts
 * import { precisionRecall } from "cfd-distill/metrics";
 * const real = { values: new Float32Array([0, 1, 10, 11]), width: 1 };
 * const generated = { values: new Float32Array([0.5, 0.6]), width: 1 };
 * console.log(precisionRecall(real, generated, { k: 1 })); // precision 1, recall 0, density 2, coverage 0.5
 * ```
 */
export function precisionRecall(
  real: Features,
  generated: Features,
  options: PrecisionRecallOptions = {},
): PrecisionRecall {
  checkOptions("precisionRecall", options, { k: true });
  const { k = 5 } = options;
  const [reals, images] = countPair({ real, generated }, "precisionRecall") as [number, number];
  const fits = Number.isInteger(k) && k >= 1 && k < Math.min(reals, images);
  check(fits, "precisionRecall", `k from 1 to one less than ${reals} and ${images} vectors`, k);
  const radii = { real: radiiOf(real, k), generated: radiiOf(generated, k) };
  const found = meet(real, generated, radii);
  const share = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
  return {
    precision: share(found.precise),
    recall: share(found.recalled),
    density: found.inBalls / (k * images),
    coverage: share(found.covered),
  };
}

/** Each vector's squared distance to its k-th nearest neighbour among the others. */
function radiiOf({ values, width }: Features, k: number): Float64Array {
  const count = values.length / width;
  const radii = new Float64Array(count);
  for (const { vectors, start } of blocksOf(values, width)) {
    const distances = squaredDistances(vectors, values, width);
    for (let i = 0; i < vectors.length / width; i++) {
      const others = distances.subarray(i * count, (i + 1) * count);
      others[start + i] = Infinity; // itself
      radii[start + i] = kthSmallest(others, k);
    }
  }
  return radii;
}

/** Sorting would take longer than the distances. */
function kthSmallest(values: Float64Array, k: number): number {
  const smallest = new Float64Array(k).fill(Infinity);
  for (const value of values) {
    let at = k - 1;
    if (value >= smallest[at]!) continue;
    for (; at > 0 && smallest[at - 1]! > value; at--) smallest[at] = smallest[at - 1]!;
    smallest[at] = value;
  }
  return smallest[k - 1]!;
}

/** Which real and generated vectors lie in which balls. */
function meet(
  real: Features,
  generated: Features,
  radii: { readonly real: Float64Array; readonly generated: Float64Array },
) {
  const { width } = real;
  const [reals, images] = [radii.real.length, radii.generated.length];
  const [precise, recalled] = [new Uint8Array(images), new Uint8Array(reals)];
  const covered = new Uint8Array(reals);
  let inBalls = 0;
  for (const { vectors, start } of blocksOf(real.values, width)) {
    const distances = squaredDistances(vectors, generated.values, width);
    for (let at = 0; at < distances.length; at++) {
      const [i, j] = [start + Math.floor(at / images), at % images];
      if (distances[at]! <= radii.generated[j]!) recalled[i] = 1;
      if (distances[at]! > radii.real[i]!) continue;
      precise[j] = covered[i] = 1;
      inBalls++;
    }
  }
  return { precise, recalled, covered, inBalls };
}
