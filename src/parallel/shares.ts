import { check, checkPositiveInteger } from "../check.js";

/** The piece of a batch that one worker computes: the samples `start` to `end - 1` of `batch`. */
export interface Share {
  /** Which worker, from 0. */
  readonly index: number;
  /** How many workers there are. */
  readonly count: number;
  readonly start: number;
  /** One past the last sample; equal to `start` where there are more workers than samples. */
  readonly end: number;
  /** Samples of all shares together. */
  readonly batch: number;
}

/**
 * Cuts a batch into one consecutive share per worker; their sizes differ by at most one, the larger ones first.
 *
 * @param batch the number of samples
 * @param count the number of workers
 * @returns `count` shares, in order; the last ones are empty where `batch < count`
 * @throws if `batch` or `count` is not a positive integer
 * @example
 * ```ts
 * import { splitBatch } from "cfd-distill";
 * const sizes = splitBatch(8, 3).map(({ start, end }) => end - start);
 * console.log(sizes); // [3, 3, 2]
 * ```
 */
export function splitBatch(batch: number, count: number): Share[] {
  checkPositiveInteger(batch, "splitBatch", "batch");
  checkPositiveInteger(count, "splitBatch", "count");
  const size = Math.floor(batch / count);
  const larger = batch % count;
  const startOf = (index: number) => index * size + Math.min(index, larger);
  return Array.from({ length: count }, (_, index) => ({
    index,
    count,
    start: startOf(index),
    end: startOf(index + 1),
    batch,
  }));
}

/** The number of samples in a share. */
export function sizeOfShare({ start, end }: Share): number {
  check(end >= start, "sizeOfShare", "a share that ends after it starts", { start, end });
  return end - start;
}
