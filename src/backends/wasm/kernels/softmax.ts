// The softmax between attention's two products, and its gradient, over rows of scores whose length in memory,
// `rowBytes`, is a multiple of 32 bytes.

import { lanes, powerOfTwo } from "./exp";
import { multiplyAdd } from "./multiply-add";

/** The weights are powers of 2: log2 e is part of the scale. */
const LOG2_E: f32 = 1.44269504088896341;

/** The least exponent of a weight. */
const LEAST: f32 = -100;
let least: v128 = f32x4.splat(LEAST);

/**
 * 2^(base (score - most)), but never below 2^-100, a share of the sum that float32 does not see: so no product with it
 * falls below the normal numbers, which are slow.
 */
@inline
function weightOf(score: v128, most: v128, base: v128): v128 {
  return powerOfTwo(f32x4.pmax(f32x4.mul(base, f32x4.sub(score, most)), lanes(LEAST, least)));
}

@inline
function sumOf(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) +
    f32x4.extract_lane(x, 1) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}

/** Gives the spare columns of a row as good as no weight. */
@inline
function hideSpare(row: usize, columns: i32, rowBytes: usize): void {
  for (let at = (<usize>columns) << 2; at < rowBytes; at += 4) store<f32>(row + at, -Infinity);
}

/**
 * Replaces scores s by e^(scale (s - max s)), where the maximum is the row's; `statistics` gets every row's maximum
 * and 1 / sum.
 */
export function weigh(
  scores: usize,
  statistics: usize,
  rows: i32,
  columns: i32,
  rowBytes: usize,
  scale: f32,
): void {
  const base = f32x4.splat(scale * LOG2_E);
  for (let row = 0; row < rows; row++) {
    hideSpare(scores, columns, rowBytes);
    let most = v128.load(scores);
    for (let at: usize = 16; at < rowBytes; at += 16) most = f32x4.pmax(most, v128.load(scores + at));
    most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
    most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 1, 0, 3, 2));
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < rowBytes; at += 32) {
      const left = weightOf(v128.load(scores + at), most, base);
      const right = weightOf(v128.load(scores + at, 16), most, base);
      v128.store(scores + at, left);
      v128.store(scores + at, right, 16);
      sum = f32x4.add(sum, f32x4.add(left, right));
    }
    store<f32>(statistics, f32x4.extract_lane(most, 0));
    store<f32>(statistics, 1 / sumOf(sum), 4);
    statistics += 8;
    scores += rowBytes;
  }
}

/** Multiplies each row by its 1 / sum of {@link weigh}. */
export function normaliseRows(matrix: usize, statistics: usize, rows: i32, columns: i32): void {
  const rowBytes = (<usize>columns) << 2;
  const full = rowBytes & ~15;
  for (let row = 0; row < rows; row++) {
    const inverse = load<f32>(statistics, 4);
    const factor = f32x4.splat(inverse);
    let at: usize = 0;
    for (; at < full; at += 16) v128.store(matrix + at, f32x4.mul(v128.load(matrix + at), factor));
    for (; at < rowBytes; at += 4) store<f32>(matrix + at, load<f32>(matrix + at) * inverse);
    statistics += 8;
    matrix += rowBytes;
  }
}

/**
 * Replaces dP, the weights' gradients, by the scores' gradients scale P (dP - sum P dP), and packs both P and these
 * out to panels of 4 columns. `scores` are those that {@link weigh} got; they are overwritten.
 */
export function weighBackwards(
  scores: usize,
  dWeights: usize,
  statistics: usize,
  weightPanels: usize,
  scorePanels: usize,
  rows: i32,
  columns: i32,
  rowBytes: usize,
  panelBytes: usize,
  scale: f32,
): void {
  const base = f32x4.splat(scale * LOG2_E);
  const factor = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    hideSpare(scores, columns, rowBytes);
    const most = v128.load_splat<f32>(statistics);
    const inverse = v128.load_splat<f32>(statistics, 4);
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < rowBytes; at += 32) {
      const left = f32x4.mul(weightOf(v128.load(scores + at), most, base), inverse);
      const right = f32x4.mul(weightOf(v128.load(scores + at, 16), most, base), inverse);
      v128.store(scores + at, left);
      v128.store(scores + at, right, 16);
      sum = multiplyAdd(left, v128.load(dWeights + at), sum);
      sum = multiplyAdd(right, v128.load(dWeights + at, 16), sum);
    }
    const mean = f32x4.splat(sumOf(sum));
    let panel = (<usize>row) << 4;
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const weight = v128.load(scores + at);
      const excess = f32x4.sub(v128.load(dWeights + at), mean);
      const dScore = f32x4.mul(f32x4.mul(factor, weight), excess);
      v128.store(dWeights + at, dScore);
      v128.store(weightPanels + panel, weight);
      v128.store(scorePanels + panel, dScore);
      panel += panelBytes;
    }
    statistics += 8;
    scores += rowBytes;
    dWeights += rowBytes;
  }
}
