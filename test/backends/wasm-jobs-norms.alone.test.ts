import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  adam,
  clipByGlobalNorm,
  cloneParams,
  createRng,
  sgd,
  updateEma,
  useBackend,
} from "../../src/index.js";
import {
  attentionCase,
  cases,
  draw,
  evaluateCase,
  groupNormCase,
  type Case,
} from "../support/compositions.js";
import { divided } from "./divided.js";

vi.mock("../../src/backends/wasm/threads/jobs.js", async (original) => {
  const { runDivided } = await import("./divided.js");
  return { ...(await original<object>()), run: runDivided };
});

beforeAll(() => useBackend("wasm"));

/** Several slices, several blocks of pixels, and rests of both; more images than are held at a time. */
const several = [
  groupNormCase([2, 9, 13, 40], 20, true),
  groupNormCase([1, 9, 13, 54], 6, false),
  attentionCase(18, 9, 9),
];
/** Rows of more than one piece, and windows that overlap. */
const others: Case[] = [
  {
    name: "copies",
    shapes: [
      [3, 5000],
      [3, 9],
    ],
    f: (a, b) => {
      const [left, right] = tf.split(tf.concat([a, b], 1), [4500, 509], 1);
      return tf.add(tf.slice(left!, [0, 7], [3, 509]), tf.slice(tf.tile(right!, [2, 3]), [0, 509], [3, 509]));
    },
  },
  {
    name: "max pooling",
    shapes: [[2, 7, 6, 19]],
    f: (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, "same"),
  },
  {
    name: "gathering",
    shapes: [[5, 35]],
    f: (x) => tf.gather(x, [4, 0, 4, 2, 4, 1]),
  },
  {
    name: "numbers one by one",
    shapes: [[3, 41, 53, 2], [3, 41, 53, 2], [3, 1, 1, 1], [53, 2], []],
    f: (a, b, perImage, row, number) =>
      tf.sub(tf.mul(tf.add(a, b), perImage), tf.sub(row, tf.mul(a, number))),
  },
  {
    name: "sums and means",
    shapes: [[5, 41, 53, 2]],
    f: (x) => tf.add(tf.sum(tf.sum(x, [0, 1])), tf.add(tf.mean(x), tf.sum(tf.sum(x, [1, 2, 3])))),
  },
];
const jobs = [...others, ...several, ...cases].filter(({ name }) =>
  /copies|max|gather|numbers|sums|norm|attention|channel|pixels/i.test(name),
);

describe("the jobs of an operation, divided", () => {
  it.each(jobs)("$name", async (operation) => {
    const { inputs, dy } = draw(operation);
    const { whole, parts } = await divided(() => evaluateCase(operation, inputs, dy));
    for (const part of Object.values(parts)) expect(part).toEqual(whole);
  });
});

describe("the jobs of a training step, divided", () => {
  const shapes = [[], [7], [90, 100], [3, 3, 5, 8]];
  const drawn = (seed: number) =>
    shapes.map((shape, i) => createRng(seed + i).normals(tf.util.sizeFromShape(shape)));
  const named = <T>(make: (shape: number[], i: number) => T) =>
    Object.fromEntries(shapes.map((shape, i) => [`w${i}`, make(shape, i)]));
  const [weights, gradients] = [drawn(1), drawn(10)];

  it.each([
    ["adam", () => adam({ learningRate: 0.01, weightDecay: 0.1 })],
    ["sgd", () => sgd({ learningRate: 0.1, momentum: 0.9 })],
  ])("clipping, %s and the average", async (_, make) => {
    const { whole, parts } = await divided(async () => {
      const params = named((shape, i) => tf.tidy(() => tf.variable(tf.tensor(weights[i]!, shape))));
      const [ema, optimizer] = [cloneParams(params), make()];
      for (let step = 0; step < 2; step++) {
        const grads = named((shape, i) => tf.tensor(gradients[i]!, shape));
        const clipped = clipByGlobalNorm(grads, 1);
        optimizer.apply(params, clipped.grads);
        updateEma(ema, params, 0.9);
        tf.dispose([grads, clipped.grads, clipped.norm]);
      }
      const tensors = [...Object.values(params), ...Object.values(ema)];
      const values = await Promise.all(tensors.map(async (tensor) => (await tensor.data()).slice()));
      const state = await optimizer.state();
      optimizer.dispose();
      tf.dispose(tensors);
      return { values, state };
    });
    for (const part of Object.values(parts)) expect(part).toEqual(whole);
  });
});
