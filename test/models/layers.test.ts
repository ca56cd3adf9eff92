import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { attention } from "../../src/models/attention.js";
import { addPerChannel, addSame, pixelMean } from "../../src/models/channelwise.js";
import { groupNorm, groupNormSilu, silu } from "../../src/models/group-norm.js";
import {
  kaimingNormal,
  kaimingNormalFanOut,
  torchUniform,
  xavierUniform,
} from "../../src/models/initialisers.js";
import { conv2d, dropout, linear, upsampledConv2d } from "../../src/models/layers.js";
import { cloneParams, countParameters, disposeParams, param } from "../../src/models/params.js";
import { encodeTimes } from "../../src/models/time-embedding.js";
import { createRng } from "../../src/rng.js";
import type { Params } from "../../src/types.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const random = (shape: number[], seed: number) =>
  tf.tensor(createRng(seed).normals(shape.reduce((a, b) => a * b, 1)), shape);
const image = (shape: [number, number, number, number], seed: number) => random(shape, seed) as tf.Tensor4D;
const variables = (entries: Record<string, tf.Tensor>): Params =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, tf.variable(value)]));
const norm = (groups: number) => ({ groups, epsilon: 1e-5 });
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

/** Absolute tolerance for values up to 1, relative beyond. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    expect(error, `entry ${i}: ${actual[i]!} against ${expected[i]!}`).toBeLessThan(tolerance);
  }
}

/** Gradients of sum(weights * f(inputs)) against central differences. */
function expectGradients(f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], tolerance = 2e-3) {
  const shape = f(...inputs).shape;
  const weights = random(shape, 99);
  const scalar = (...at: tf.Tensor[]) => tf.sum(tf.mul(f(...at), weights)).asScalar();
  const gradients = tf.grads(scalar)(inputs);
  inputs.forEach((input, which) => {
    const step = 1e-2;
    const numeric = values(input).map((_, i) => {
      const moved = (by: number) => {
        const data = Float32Array.from(values(input));
        data[i]! += by;
        return values(scalar(...inputs.map((t, j) => (j === which ? tf.tensor(data, input.shape) : t))))[0]!;
      };
      return (moved(step) - moved(-step)) / (2 * step);
    });
    expectClose(values(gradients[which]!), numeric, tolerance);
  });
}

/** PyTorch's convolution, padding (k - 1) / 2 on all sides, in float64. */
function naiveConv(x: tf.Tensor4D, weight: tf.Tensor, bias: number[], stride: number): number[] {
  const [batch, height, width, from] = x.shape;
  const [kernel, , , to] = weight.shape as [number, number, number, number];
  const [xs, ws] = [values(x), values(weight)];
  const border = (kernel - 1) / 2;
  const size = (n: number) => Math.floor((n + 2 * border - kernel) / stride) + 1;
  const result: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < size(height); i++)
      for (let j = 0; j < size(width); j++)
        for (let o = 0; o < to; o++) {
          let sum = bias[o] ?? 0;
          for (let u = 0; u < kernel; u++)
            for (let v = 0; v < kernel; v++) {
              const [r, c] = [i * stride + u - border, j * stride + v - border];
              if (r < 0 || c < 0 || r >= height || c >= width) continue;
              for (let k = 0; k < from; k++)
                sum +=
                  xs[((b * height + r) * width + c) * from + k]! *
                  ws[((u * kernel + v) * from + k) * to + o]!;
            }
          result.push(sum);
        }
  return result;
}

describe("conv2d", () => {
  it.each([
    [3, 1, 4, 6],
    [3, 2, 4, 6],
    [3, 2, 5, 3],
    [1, 1, 4, 3],
    [1, 2, 4, 4],
    [7, 2, 8, 6],
  ] as const)("kernel %i stride %i on %ix%i is PyTorch's", (kernel, stride, height, width) => {
    const x = image([2, height, width, 3], 1);
    const params = variables({ "c.weight": random([kernel, kernel, 3, 2], 2), "c.bias": random([2], 3) });
    const expected = naiveConv(x, params["c.weight"]!, values(params["c.bias"]!), stride);
    expectClose(values(conv2d(x, params, "c", { stride })), expected, 1e-5);
    const plain = naiveConv(x, params["c.weight"]!, [], stride);
    expectClose(values(conv2d(x, { "c.weight": params["c.weight"]! }, "c", { stride })), plain, 1e-5);
  });

  it("has the right gradients at stride 2, with the bias", () => {
    const inputs = [image([2, 4, 4, 2], 1), random([3, 3, 2, 2], 2), random([2], 3)];
    expectGradients(
      (x, weight, bias) =>
        conv2d(x as tf.Tensor4D, { "c.weight": weight, "c.bias": bias } as unknown as Params, "c", {
          stride: 2,
        }),
      inputs,
    );
  });

  it("pads at the right and lower end alone, where asked", () => {
    const x = image([2, 4, 6, 2], 1);
    const params = variables({ "c.weight": random([3, 3, 2, 3], 2), "c.bias": random([3], 3) });
    const padded: tf.Tensor4D = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]]); // prettier-ignore
    const expected = tf.add(
      tf.conv2d(padded, params["c.weight"] as tf.Tensor as tf.Tensor4D, 2, "valid"),
      params["c.bias"]!,
    );
    const actual = conv2d(x, params, "c", { stride: 2, padding: "end" });
    expect(actual.shape).toEqual([2, 2, 3, 3]);
    expectClose(values(actual), values(expected), 1e-5);
  });

  it("names a missing weight and refuses even kernels", () => {
    expect(() => conv2d(image([1, 2, 2, 1], 1), {}, "head")).toThrow(/param: expected .* head\.weight/);
    const params = variables({ "c.weight": tf.ones([2, 2, 1, 1]) });
    expect(() => conv2d(image([1, 2, 2, 1], 1), params, "c")).toThrow(/conv2d: expected c\.weight/);
  });
});

describe("linear", () => {
  it("is x W + b", () => {
    const params = variables({
      "l.weight": tf.tensor2d([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      "l.bias": tf.tensor1d([10, 20]),
    });
    expect(values(linear(tf.tensor2d([[1, 1, 1]]), params, "l"))).toEqual([19, 32]);
    expect(values(linear(tf.tensor2d([[1, 0, 2]]), { "l.weight": params["l.weight"]! }, "l"))).toEqual([
      11, 14,
    ]);
  });
});

describe("sums and means over channels", () => {
  it.each([
    [3, 4],
    [1, 4],
    [3, 1],
    [1, 1],
  ])("pixelMean of %ix%i pixels", (height, width) => {
    const x = image([2, height, width, 3], 4);
    expectClose(values(pixelMean(x)), values(tf.mean(x, [1, 2])), 1e-6);
    expect(pixelMean(x).shape).toEqual([2, 1, 1, 3]);
  });

  it("addPerChannel adds a vector, or one per sample, with gradients", () => {
    const x = image([2, 2, 3, 2], 5);
    expectClose(
      values(addPerChannel(x, tf.tensor1d([1, -2]))),
      values(tf.add(x, tf.tensor1d([1, -2]))),
      1e-7,
    );
    const perSample = random([2, 2], 6);
    const expected = values(tf.add(x, tf.reshape(perSample, [2, 1, 1, 2])));
    expectClose(values(addPerChannel(x, perSample)), expected, 1e-7);
    expectGradients((a, b) => addPerChannel(a as tf.Tensor4D, b), [x, perSample]);
    expectGradients((a, b) => addPerChannel(a as tf.Tensor4D, b), [x, random([2], 7)]);
  });

  it("addSame has gradients, also for one tensor added to itself", () => {
    const x = image([1, 2, 2, 2], 8);
    expectGradients((a, b) => addSame(a as tf.Tensor4D, b as tf.Tensor4D), [x, image([1, 2, 2, 2], 9)]);
    expectGradients((a) => tf.square(addSame(a as tf.Tensor4D, tf.mul(a, 2))), [x]);
  });
});

/** Group norm from its definition, in float64. */
function naiveGroupNorm(
  x: tf.Tensor4D,
  gamma: number[],
  beta: number[],
  groups: number,
  epsilon = 1e-5,
): number[] {
  const [batch, height, width, channels] = x.shape;
  const xs = values(x);
  const result = [...xs];
  const perGroup = channels / groups;
  for (let b = 0; b < batch; b++)
    for (let g = 0; g < groups; g++) {
      const members: number[] = [];
      for (let p = 0; p < height * width; p++)
        for (let c = g * perGroup; c < (g + 1) * perGroup; c++)
          members.push((b * height * width + p) * channels + c);
      const mean = members.reduce((sum, i) => sum + xs[i]!, 0) / members.length;
      const variance = members.reduce((sum, i) => sum + (xs[i]! - mean) ** 2, 0) / members.length;
      for (const i of members) {
        const c = i % channels;
        result[i] = ((xs[i]! - mean) / Math.sqrt(variance + epsilon)) * gamma[c]! + beta[c]!;
      }
    }
  return result;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe("SiLU", () => {
  it("is x sigmoid(x), finite far out", () => {
    const x = [-200, -3, -0.5, 0, 0.5, 3, 200];
    expectClose(
      values(silu(tf.tensor1d(x))),
      x.map((v) => v * sigmoid(v)),
      1e-6,
    );
  });

  it("has the exact first and second derivative", () => {
    const x = tf.tensor1d([-6, -1.3, 0, 0.4, 2, 7]);
    const first = (v: number) => sigmoid(v) * (1 + v * (1 - sigmoid(v)));
    const second = (v: number) => (first(v + 1e-4) - first(v - 1e-4)) / 2e-4;
    const gradient = tf.grad((t: tf.Tensor) => silu(t).sum());
    expectClose(values(gradient(x)), values(x).map(first), 1e-6);
    expectClose(values(tf.grad((t: tf.Tensor) => gradient(t).sum())(x)), values(x).map(second), 1e-5);
  });
});

describe("group norm", () => {
  const x: tf.Tensor4D = tf.add(tf.mul(image([2, 3, 2, 6], 10), 2), 5);
  const gamma = random([6], 11);
  const beta = random([6], 12);
  const params = variables({ "n.weight": gamma, "n.bias": beta });
  const asParams = (weight: tf.Tensor, bias: tf.Tensor) =>
    ({ "n.weight": weight, "n.bias": bias }) as unknown as Params;

  it.each([1, 2, 3, 6])("in %i groups is its definition, alone and with SiLU", (groups) => {
    const expected = naiveGroupNorm(x, values(gamma), values(beta), groups);
    expectClose(values(groupNorm(x, params, "n", norm(groups))), expected, 1e-5);
    const activated = expected.map((v) => v * sigmoid(v));
    expectClose(values(groupNormSilu(x, params, "n", norm(groups))), activated, 1e-5);
    const wide = naiveGroupNorm(x, values(gamma), values(beta), groups, 0.5);
    expectClose(values(groupNorm(x, params, "n", { groups, epsilon: 0.5 })), wide, 1e-5);
  });

  it.each([1, 2, 3])("in %i groups has the right gradients for x, weight and bias", (groups) => {
    const plain = (a: tf.Tensor, g: tf.Tensor, b: tf.Tensor) =>
      groupNorm(a as tf.Tensor4D, asParams(g, b), "n", norm(groups));
    const fused = (a: tf.Tensor, g: tf.Tensor, b: tf.Tensor) =>
      groupNormSilu(a as tf.Tensor4D, asParams(g, b), "n", norm(groups));
    expectGradients(plain, [x, gamma, beta]);
    expectGradients(fused, [x, gamma, beta]);
  });

  it("has exact second derivatives", () => {
    const penalty = (a: tf.Tensor) =>
      tf.grad((t: tf.Tensor) => tf.sum(tf.pow(groupNormSilu(t as tf.Tensor4D, params, "n", norm(2)), 3)))(a);
    expectGradients(penalty, [x], 5e-3);
  });

  it("survives constant images and keeps 1e-7 accuracy around a large mean", () => {
    const flat = groupNorm(tf.fill([1, 4, 4, 6], 3), params, "n", norm(2));
    expectClose(values(flat), values(tf.tile(beta, [16])), 1e-6);
  });

  it("refuses groups that do not divide the channels", () => {
    expect(() => groupNorm(x, params, "n", norm(4))).toThrow(
      /groupNorm: expected n: channels that 4 groups divide, got 6/,
    );
  });

  it("keeps only its inputs for the gradient", () => {
    const big = image([1, 8, 8, 6], 13);
    let kept = 0;
    const { grads } = tf.variableGrads(() => {
      const before = tf.memory().numBytes;
      const out = tf.tidy(() => groupNormSilu(big, params, "n", norm(2)));
      kept = tf.memory().numBytes - before;
      return out.sum();
    }, Object.values(params));
    expect(kept).toBe(4 * (2 * big.size + 2 * 6)); // the result and the saved inputs (which share buffers)
    tf.dispose(grads);
  });
});

describe("attention", () => {
  const channels = 4;
  const names = ["proj_q", "proj_k", "proj_v", "proj"];
  const weights = Object.fromEntries(
    names.flatMap((name, i) => [
      [`a.${name}.weight`, random([1, 1, channels, channels], 20 + i)],
      [`a.${name}.bias`, random([channels], 30 + i)],
    ]),
  );
  const params = variables({
    "a.group_norm.weight": random([channels], 40),
    "a.group_norm.bias": random([channels], 41),
    ...weights,
  });
  const x = image([2, 2, 3, channels], 42);

  it.each([
    ["one head", undefined],
    ["heads of two channels", 2],
    ["heads of one channel", 1],
  ] as const)("with %s is attention over pixels plus x", (_, headWidth) => {
    const normal = naiveGroupNorm(
      x,
      values(params["a.group_norm.weight"]!),
      values(params["a.group_norm.bias"]!),
      2,
    );
    const pixels = 6;
    const project = (rows: number[], name: string) =>
      naiveConv(
        tf.tensor4d(rows, [2, 2, 3, channels]),
        params[`a.${name}.weight`]!,
        values(params[`a.${name}.bias`]!),
        1,
      );
    const [q, k, v] = ["proj_q", "proj_k", "proj_v"].map((name) => project(normal, name)) as [
      number[],
      number[],
      number[],
    ];
    const mixed: number[] = [];
    const width = headWidth ?? channels;
    for (let b = 0; b < 2; b++)
      for (let i = 0; i < pixels; i++) {
        const at = (rows: number[], p: number, c: number) => rows[(b * pixels + p) * channels + c]!;
        for (let first = 0; first < channels; first += width) {
          const head = Array.from({ length: width }, (_, c) => first + c);
          const scores = Array.from({ length: pixels }, (_, j) => {
            const dot = head.reduce((sum, c) => sum + at(q, i, c) * at(k, j, c), 0);
            return Math.exp(dot / Math.sqrt(width));
          });
          const total = scores.reduce((sum, s) => sum + s, 0);
          for (const c of head) mixed.push(scores.reduce((sum, s, j) => sum + (s / total) * at(v, j, c), 0));
        }
      }
    const expected = project(mixed, "proj").map((value, i) => value + values(x)[i]!);
    expectClose(
      values(attention(x, params, "a", { ...norm(2), ...(headWidth && { headWidth }) })),
      expected,
      1e-5,
    );
  });

  it("has the right gradient", () => {
    expectGradients((a) => attention(a as tf.Tensor4D, params, "a", norm(2)), [x]);
    const heads = (a: tf.Tensor) => attention(a as tf.Tensor4D, params, "a", { ...norm(2), headWidth: 2 });
    expectGradients(heads, [x], 1e-2); // the differences are off by 5e-3: softmax bends over a step of 1e-2
  });
});

describe("upsampledConv2d", () => {
  it.each([
    [3, [2, 3, 4, 2]],
    [3, [1, 1, 1, 3]],
    [1, [2, 3, 2, 2]],
    [5, [1, 2, 3, 2]],
  ] as const)("with a filter of size %i is conv2d of every pixel four times", (size, shape) => {
    const x = image([...shape], 50);
    const entries = { "c.weight": random([size, size, shape[3], 3], 51), "c.bias": random([3], 52) };
    const params = variables(entries);
    const repeated: tf.Tensor4D = tf.tidy(() => {
      const rows = tf.stack([x, x], 2).reshape([shape[0], 2 * shape[1], shape[2], shape[3]]);
      return tf.stack([rows, rows], 3).reshape([shape[0], 2 * shape[1], 2 * shape[2], shape[3]]);
    });
    const expected = conv2d(repeated, params, "c");
    const actual = upsampledConv2d(x, params, "c");
    expect(actual.shape).toEqual(expected.shape);
    expectClose(values(actual), values(expected), 1e-5);
    disposeParams(params);
  });

  it("has the right gradients, in a batch", () => {
    expectGradients(
      (x, weight, bias) =>
        upsampledConv2d(x as tf.Tensor4D, { "c.weight": weight, "c.bias": bias } as unknown as Params, "c"),
      [image([2, 2, 3, 2], 50), random([3, 3, 2, 3], 51), random([3], 52)],
    );
  });
});

describe("dropout", () => {
  const x: tf.Tensor4D = tf.ones([1, 50, 50, 4]);

  it("zeroes the given share, scales the rest, and moves the stream on", () => {
    const rng = createRng(3);
    const first = values(dropout(x, 0.3, rng));
    const dropped = first.filter((v) => v === 0).length / first.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(0.02); // 4 standard deviations
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
    expect(values(dropout(x, 0.3, rng))).not.toEqual(first);
    expect(values(dropout(x, 0.3, createRng(3)))).toEqual(first);
  });

  it("differentiates to its mask", () => {
    const mask = values(dropout(x, 0.5, createRng(4)));
    const gradient = tf.grad((a: tf.Tensor) => dropout(a as tf.Tensor4D, 0.5, createRng(4)).sum())(x);
    expect(values(gradient)).toEqual(mask);
  });
});

describe("encodeTimes", () => {
  it("interleaves sines and cosines of fractional positions", () => {
    const rate = Math.exp(-0.5 * Math.log(10000));
    const at = (position: number) => [position, position * rate].flatMap((a) => [Math.sin(a), Math.cos(a)]);
    const expected = [...at(0), ...at(1024), ...at(0.3 * 1024)];
    const encoding = { timeScale: 1024, timeOffset: 0, frequencyShift: 0, width: 4 };
    expectClose(encodeTimes([0, 1, 0.3], encoding), expected, 1e-7);
  });

  it("moves positions by timeOffset and stretches frequencies by frequencyShift", () => {
    // With width 6 and a shift of 1 the exponents are 0, 1/2 and 1.
    const expected = [1, 1 / 100, 1 / 10000].flatMap((rate) => [Math.sin(11 * rate), Math.cos(11 * rate)]);
    const encoding = { timeScale: 24, timeOffset: -1, frequencyShift: 1, width: 6 };
    expectClose(encodeTimes([0.5], encoding), expected, 1e-7);
  });

  it("sees the u of a flow whose shift is timeShift: 3 t / (1 + 2 t)", () => {
    const encoding = { timeScale: 1000, timeOffset: 0, frequencyShift: 0, width: 6 };
    const seen = encodeTimes([0, 0.5, 1], { ...encoding, timeShift: 3 });
    expect(seen).toEqual(encodeTimes([0, 0.75, 1], encoding));
  });
});

describe("initialisers", () => {
  const moments = (data: number[]) => {
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    return { mean, deviation: Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length) };
  };

  it("xavierUniform fills its bounds", () => {
    const bound = 0.5 * Math.sqrt(6 / (9 * 32 + 9 * 64));
    const data = values(xavierUniform(createRng(1), [3, 3, 32, 64], 0.5));
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.abs(moments(data).mean)).toBeLessThan(0.02 * bound);
    expect(Math.abs(moments(data).deviation / (bound / Math.sqrt(3)) - 1)).toBeLessThan(0.02);
  });

  it.each([
    [kaimingNormal, 9 * 32],
    [kaimingNormalFanOut, 9 * 64],
  ])("%o has variance 2 / fan", (initialise, fan) => {
    const { mean, deviation } = moments(values(initialise(createRng(1), [3, 3, 32, 64])));
    const expected = Math.sqrt(2 / fan);
    expect(Math.abs(mean)).toBeLessThan(0.03 * expected);
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.02);
  });

  it("torchUniform is ±1 / sqrt(fanIn), a bias taking its layer's", () => {
    const weight = values(torchUniform(createRng(1), [16, 200])).map(Math.abs);
    const bias = values(torchUniform(createRng(1), [2000], 16)).map(Math.abs);
    for (const largest of [Math.max(...weight), Math.max(...bias)]) {
      expect(largest).toBeLessThanOrEqual(0.25);
      expect(largest).toBeGreaterThan(0.245);
    }
  });
});

describe("parameters", () => {
  it("are counted without statistics, cloned, disposed, looked up", () => {
    const before = tf.memory().numTensors;
    const params: Params = tf.tidy(() => ({
      a: tf.variable(tf.ones([2, 3])),
      mean: tf.variable(tf.zeros([5]), false),
    }));
    expect(countParameters(params)).toBe(6);
    const copy = cloneParams(params);
    tf.tidy(() => {
      params.a!.assign(tf.zeros([2, 3]));
    });
    expect(values(copy.a!)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(copy.mean!.trainable).toBe(false);
    expect(() => param(params, "b")).toThrow("param: expected a parameter named b");
    disposeParams(params);
    disposeParams(copy);
    expect(tf.memory().numTensors).toBe(before);
  });
});
