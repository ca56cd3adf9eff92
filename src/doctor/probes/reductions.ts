import * as tf from "../../tfjs.js";
import { normal, type Input, type Probe } from "../probe.js";
import { at, build, map, sum, type Values } from "../values.js";

function reduction(
  operation: string,
  run: (x: tf.Tensor) => tf.Tensor,
  reference: (x: Values) => Values,
  { x = normal(2, 3, 4), large = [64, 32, 32] }: { x?: Input; large?: number[] } = {},
): Probe {
  return { operation, inputs: { x }, run, reference, larger: { shapes: [large] } };
}

const variance = (values: readonly number[]) => {
  const mean = sum(values.length, (i) => values[i]!) / values.length;
  return sum(values.length, (i) => (values[i]! - mean) ** 2) / values.length;
};

const column = (x: Values, c: number) => {
  const width = x.shape.at(-1)!;
  return [...x.data].filter((_, i) => i % width === c);
};

/** The sum of exp over the row that entry i of x belongs to. */
const rowSum = (x: Values, i: number) => {
  const width = x.shape.at(-1)!;
  const start = i - (i % width);
  return sum(width, (k) => Math.exp(x.data[start + k]!));
};

/** softmax over the last axis. */
export const softmax = (x: Values): Values => map(x, (value, i) => Math.exp(value) / rowSum(x, i));

/** Where the extreme of each row is: at NaN, if there is one. */
const place = (operation: string, run: (x: tf.Tensor) => tf.Tensor, sign: 1 | -1): Probe => ({
  operation,
  inputs: { x: { shape: [4, 5], of: (value) => (value > 1 ? NaN : value) } },
  run: (x: tf.Tensor) => tf.cast(run(x), "float32"),
  reference: (x) =>
    build([4], (i) => {
      const row = [0, 1, 2, 3, 4].map((j) => at(x, i, j));
      const none = row.findIndex(Number.isNaN);
      return none < 0 ? row.indexOf(sign * Math.max(...row.map((value) => sign * value))) : none;
    }),
  differentiated: false,
  whole: true,
});

const matrix = { x: normal(3, 5), large: [256, 256] };

export const reductions: readonly Probe[] = [
  reduction(
    "sum",
    (x) => tf.sum(x),
    (x) => build([], () => sum(x.data.length, (i) => x.data[i]!)),
  ),
  reduction(
    "sum of an axis",
    (x) => tf.sum(x, 1),
    (x) => build([2, 4], (i, k) => sum(3, (j) => at(x, i, j, k))),
  ),
  reduction(
    "mean of two axes",
    (x) => tf.mean(x, [1, 2], true),
    (x) => build([2, 1, 1], (i) => sum(3, (j) => sum(4, (k) => at(x, i, j, k))) / 12),
  ),
  reduction(
    "max of an axis",
    (x) => tf.max(x, -1),
    (x) => build([2, 3], (i, j) => Math.max(...[0, 1, 2, 3].map((k) => at(x, i, j, k)))),
  ),
  reduction(
    "min of an axis",
    (x) => tf.min(x, -1),
    (x) => build([2, 3], (i, j) => Math.min(...[0, 1, 2, 3].map((k) => at(x, i, j, k)))),
  ),
  place("argMax", (x) => tf.argMax(x, 1), 1),
  place("argMin", (x) => tf.argMin(x, 1), -1),
  reduction(
    "moments",
    (x) => tf.moments(x, [0, 1]).variance,
    (x) => build([4], (c) => variance(column(x, c))),
  ),
  reduction("softmax", (x) => tf.softmax(x), softmax, matrix),
  reduction(
    "logSoftmax",
    (x) => tf.logSoftmax(x),
    (x) => map(x, (value, i) => value - Math.log(rowSum(x, i))),
    matrix,
  ),
  reduction(
    "logSumExp",
    (x) => tf.logSumExp(x, 0),
    (x) => build([5], (c) => Math.log(sum(3, (i) => Math.exp(at(x, i, c))))),
    matrix,
  ),
];
