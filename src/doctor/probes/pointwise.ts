import * as tf from "../../tfjs.js";
import { normal, positive, type Input, type Probe } from "../probe.js";
import { at, build, map } from "../values.js";

const larger = { shapes: [[64, 1024]] };

function unary(
  operation: string,
  run: (x: tf.Tensor) => tf.Tensor,
  f: (x: number) => number,
  x: Input = normal(3, 5),
): Probe {
  return { operation, inputs: { x }, run, reference: (values) => map(values, f), larger };
}

/** a [2, 3, 4] with b [4], which is repeated, and its gradient summed. */
function broadcast(
  operation: string,
  run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  f: (a: number, b: number) => number,
): Probe {
  return {
    operation: `${operation} with broadcasting`,
    inputs: { a: normal(2, 3, 4), b: positive(4) },
    run,
    reference: (a, b) => build(a.shape, (i, j, k) => f(at(a, i, j, k), at(b, k))),
    larger: { shapes: [[4, 256, 64], [64]] },
  };
}

/** a and b of one shape. */
function pairwise(
  operation: string,
  run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  f: (a: number, b: number) => number,
): Probe {
  return {
    operation,
    inputs: { a: normal(3, 5), b: normal(3, 5) },
    run,
    reference: (a, b) => map(a, (value, i) => f(value, b.data[i]!)),
  };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Few: of forty, stock webgpu makes zeros and an error after which the device counts as lost. */
const addN: Probe = {
  operation: "addN",
  inputs: { a: normal(3, 5), b: normal(3, 5), c: normal(3, 5) },
  run: (...parts: tf.Tensor[]) => tf.addN(parts),
  reference: (a, b, c) => map(a, (value, i) => value + b.data[i]! + c.data[i]!),
};

/** Where float32 ends, as in a training that diverges: what is infinite is to stay so and to be seen. */
const infinities = (
  operation: string,
  run: (x: tf.Tensor) => tf.Tensor,
  f: (x: number) => number,
): Probe => ({
  operation: `${operation} of infinity`,
  inputs: { x: { shape: [3, 5], of: (value) => Math.sign(value) * Infinity } },
  run,
  reference: (x) => map(x, f),
  differentiated: false,
});

const relu = (x: number) => Math.max(x, 0);
const clipped = (x: number) => Math.min(Math.max(x, -0.5), 0.7);

/** What the gradient of ReLU is made of. */
const step: Probe = {
  operation: "step",
  inputs: { x: normal(3, 5) },
  run: (x: tf.Tensor) => tf.step(x),
  reference: (x) => map(x, (value) => (Number.isNaN(value) ? NaN : Number(value > 0))),
  differentiated: false,
};

/** The condition is not differentiated: TensorFlow.js cannot, on any engine. */
const where: Probe = {
  operation: "where",
  inputs: { a: normal(3, 5), b: normal(3, 5) },
  run: (a: tf.Tensor, b: tf.Tensor) => {
    const condition = Array.from({ length: a.size }, (_, i) => i % 3 === 0);
    return tf.where(tf.tensor(condition, a.shape, "bool"), a, b);
  },
  reference: (a, b) => map(a, (value, i) => (i % 3 === 0 ? value : b.data[i]!)),
};

const elu = (x: number) => (x < 0 ? Math.expm1(x) : x);

/** One weight a row. */
const prelu: Probe = {
  operation: "prelu",
  inputs: { x: normal(3, 5), alpha: normal(3, 1) },
  run: (x: tf.Tensor, alpha: tf.Tensor) => tf.prelu(x, alpha),
  reference: (x, alpha) => map(x, (value, i) => (value < 0 ? value * alpha.data[Math.floor(i / 5)]! : value)),
};

const comparison: Probe = {
  operation: "greater",
  inputs: { a: normal(3, 5), b: normal(3, 5) },
  run: (a: tf.Tensor, b: tf.Tensor) => tf.cast(tf.greater(a, b), "float32"),
  reference: (a, b) => map(a, (value, i) => Number(value > b.data[i]!)),
  differentiated: false,
};

/** NaN is not equal to zero, and a half is not zero either. */
const truth: Probe = {
  operation: "cast to truth values",
  inputs: { x: { shape: [3, 5], of: (value) => (value > 1 ? NaN : value > 0 ? 0 : value / 4) } },
  run: (x: tf.Tensor) => tf.cast(tf.cast(x, "bool"), "float32"),
  reference: (x) => map(x, (value) => Number(value !== 0)),
  differentiated: false,
  whole: true,
};

export const pointwise: readonly Probe[] = [
  broadcast("add", (a, b) => tf.add(a, b), (a, b) => a + b), // prettier-ignore
  broadcast("sub", (a, b) => tf.sub(a, b), (a, b) => a - b), // prettier-ignore
  broadcast("mul", (a, b) => tf.mul(a, b), (a, b) => a * b), // prettier-ignore
  broadcast("div", (a, b) => tf.div(a, b), (a, b) => a / b), // prettier-ignore
  // TensorFlow.js does not undo the broadcasting of these two in their gradients.
  pairwise("minimum", (a, b) => tf.minimum(a, b), Math.min),
  pairwise("maximum", (a, b) => tf.maximum(a, b), Math.max),
  addN,
  where,
  step,
  prelu,
  comparison,
  truth,
  { ...unary("sign", (x) => tf.sign(x), Math.sign), differentiated: false },
  unary("relu6", (x) => tf.relu6(x), (x) => Math.min(relu(x), 6)), // prettier-ignore
  unary("elu", (x) => tf.elu(x), elu),
  unary("leakyRelu", (x) => tf.leakyRelu(x, 0.1), (x) => (x < 0 ? 0.1 * x : x)), // prettier-ignore
  unary("neg", (x) => tf.neg(x), (x) => -x), // prettier-ignore
  unary("square", (x) => tf.square(x), (x) => x ** 2), // prettier-ignore
  unary("exp", (x) => tf.exp(x), Math.exp),
  unary("log", (x) => tf.log(x), Math.log, positive(3, 5)),
  unary("sqrt", (x) => tf.sqrt(x), Math.sqrt, positive(3, 5)),
  unary("rsqrt", (x) => tf.rsqrt(x), (x) => 1 / Math.sqrt(x), positive(3, 5)), // prettier-ignore
  unary("sigmoid", (x) => tf.sigmoid(x), sigmoid),
  unary("tanh", (x) => tf.tanh(x), Math.tanh),
  unary("relu", (x) => tf.relu(x), relu),
  infinities("relu", (x) => tf.relu(x), relu),
  unary("clipByValue", (x) => tf.clipByValue(x, -0.5, 0.7), clipped),
  infinities("clipByValue", (x) => tf.clipByValue(x, -0.5, 0.7), clipped),
];
