import * as tf from "../../tfjs.js";
import { normal, type Probe } from "../probe.js";
import { at, build, type Values } from "../values.js";

/** Operations that only put numbers elsewhere. */
function moving(
  operation: string,
  run: (x: tf.Tensor) => tf.Tensor,
  reference: (x: Values) => Values,
  shape: readonly number[] = [2, 3, 4],
): Probe {
  return { operation, inputs: { x: normal(...shape) }, run, reference };
}

const concat: Probe = {
  operation: "concat",
  inputs: { a: normal(2, 2, 2, 3), b: normal(2, 2, 2, 5) },
  run: (a: tf.Tensor, b: tf.Tensor) => tf.concat([a, b], 3),
  reference: (a, b) =>
    build([2, 2, 2, 8], (n, i, j, c) => (c < 3 ? at(a, n, i, j, c) : at(b, n, i, j, c - 3))),
};

const rows = [2, 0, 2, 1];

const gather: Probe = {
  operation: "gather",
  inputs: { x: normal(3, 4) },
  run: (x: tf.Tensor) => tf.gather(x, tf.tensor1d(rows, "int32")),
  reference: (x) => build([4, x.shape[1]!], (i, j) => at(x, rows[i]!, j)),
  larger: { shapes: [[3, 16384]] },
};

const cast: Probe = {
  operation: "cast to integers and back",
  whole: true,
  inputs: { x: normal(3, 5) },
  run: (x: tf.Tensor) => tf.cast(tf.cast(tf.mul(x, 4), "int32"), "float32"),
  reference: (x) => build(x.shape, (i, j) => Math.trunc(4 * at(x, i, j))),
  differentiated: false,
};

export const moves: readonly Probe[] = [
  moving("upload, clone, read back", (x) => x.clone(), (x) => x), // prettier-ignore
  cast,
  moving("reshape", (x) => tf.reshape(x, [6, 4]), ({ data }) => ({ shape: [6, 4], data })), // prettier-ignore
  moving(
    "transpose",
    (x) => tf.transpose(x, [2, 0, 3, 1]),
    (x) => build([4, 2, 5, 3], (k, i, l, j) => at(x, i, j, k, l)),
    [2, 3, 4, 5],
  ),
  moving(
    "pad",
    (x) => tf.pad(x, [[0, 0], [1, 2], [2, 0], [0, 0]]), // prettier-ignore
    (x) => build([2, 6, 5, 2], (n, i, j, c) => at(x, n, i - 1, j - 2, c)),
    [2, 3, 3, 2],
  ),
  moving(
    "slice",
    (x) => tf.slice(x, [0, 1, 2], [2, 2, 1]),
    (x) => build([2, 2, 1], (i, j, k) => at(x, i, j + 1, k + 2)),
  ),
  concat,
  moving(
    "split",
    // In an array of its own: the tape has the one that tf.split returns.
    (x) => tf.concat([...tf.split(x, [1, 2], 1)].reverse(), 1),
    (x) => build([2, 3, 4], (i, j, k) => at(x, i, (j + 1) % 3, k)),
  ),
  moving(
    "stack, unstack",
    (x) => tf.stack([...tf.unstack(x, 1)].reverse(), 2),
    (x) => build([2, 4, 3], (i, k, j) => at(x, i, 2 - j, k)),
  ),
  moving(
    "tile",
    (x) => tf.tile(x, [2, 1, 3]),
    (x) => build([4, 3, 12], (i, j, k) => at(x, i % 2, j, k % 4)),
  ),
  moving("broadcastTo", (x) => tf.broadcastTo(x, [2, 3, 4]), (x) => build([2, 3, 4], (_, j) => at(x, j, 0)), [3, 1]), // prettier-ignore
  moving("reverse", (x) => tf.reverse(x, 1), (x) => build([2, 3, 4], (i, j, k) => at(x, i, 2 - j, k))), // prettier-ignore
  gather,
];
