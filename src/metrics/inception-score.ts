import { check, checkOptions } from "../check.js";
import { countVectors, type Features } from "./features.js";

/** Options of {@link inceptionScore}. */
export interface InceptionScoreOptions {
  /** Consecutive parts of nearly equal size, each of which is scored alone; default 10. */
  readonly splits?: number;
}

/** An inception score with its spread. */
export interface InceptionScore {
  /** The mean over the splits, from 1 (all alike) to the number of classes (certain, and all classes equally often). */
  readonly mean: number;
  /** The deviation over the splits, with divisor `splits` (torchmetrics divides by `splits - 1`). */
  readonly std: number;
}

/**
 * The inception score of Salimans et al.: exp of the mean over images of KL(p(class | image) || p(class)), the latter
 * averaged over a split. Only with the logits of the Inception network is it the published score. In float64.
 *
 * @param logits a classifier's logits, gathered with `gatherFeatures`; split i holds images floor(i n / splits) to
 *   floor((i + 1) n / splits) in their order, which is not shuffled
 * @param options number of splits
 * @returns mean and deviation over the splits
 * @throws if a value is not finite, or there are fewer images than splits
 * @see Salimans et al. 2016 (arXiv 1606.03498), Sec. 4
 * @example
 * ```ts
 * import { inceptionScore } from "cfd-distill/metrics";
 * const logits = { values: new Float32Array([99, 0, 0, 99]), width: 2 };
 * console.log(inceptionScore(logits, { splits: 1 })); // mean 2, std 0: certain, and both classes come
 * ```
 */
export function inceptionScore(logits: Features, options: InceptionScoreOptions = {}): InceptionScore {
  checkOptions("inceptionScore", options, { splits: true });
  const { splits = 10 } = options;
  const count = countVectors(logits, "inceptionScore", "logits");
  const fits = Number.isInteger(splits) && splits >= 1 && splits <= count;
  check(fits, "inceptionScore", `splits from 1 to the ${count} images`, splits);
  const bound = (i: number) => Math.floor((i * count) / splits) * logits.width;
  const scores = Array.from({ length: splits }, (_, i) =>
    scoreOf(logits.values.subarray(bound(i), bound(i + 1)), logits.width),
  );
  const mean = scores.reduce((sum, score) => sum + score, 0) / splits;
  const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / splits) };
}

/** The mean KL is the entropy of the mean distribution less the mean entropy. */
function scoreOf(logits: Float32Array, width: number): number {
  const count = logits.length / width;
  const marginal = new Float64Array(width);
  let negativeEntropy = 0;
  for (let start = 0; start < logits.length; start += width) {
    const logs = logSoftmax(logits.subarray(start, start + width));
    logs.forEach((log, i) => {
      const probability = Math.exp(log);
      marginal[i]! += probability / count;
      negativeEntropy += (probability * log) / count;
    });
  }
  const entropy = marginal.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  return Math.exp(Math.max(0, negativeEntropy + entropy)); // rounding can make a zero negative
}

function logSoftmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const shifted = Float64Array.from(logits, (value) => value - largest);
  const normaliser = Math.log(shifted.reduce((sum, value) => sum + Math.exp(value), 0));
  return shifted.map((value) => value - normaliser);
}
