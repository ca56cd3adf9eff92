import * as tf from "@tensorflow/tfjs";
import { createRng, type Params } from "../../src/index.js";
import type { DenseNetConfig } from "../../src/models/densenet.js";
import type { ClassifierOutput } from "../../src/types.js";
import type { ResNetConfig } from "../../src/models/resnet.js";

// ResNet and DenseNet a second time, by loops in float64 and with nothing shared, as their papers define them.

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}
export type Weights = Record<string, Values>;

export interface Naive {
  readonly logits: number[];
  readonly features: number[];
}

export async function readWeights(params: Params): Promise<Weights> {
  const entries = Object.entries(params).map(async ([name, variable]) => {
    const data = Float64Array.from(await variable.data());
    return [name, { shape: variable.shape, data }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Moves every weight and statistic away from where it starts, so that each matters. */
export function stir(params: Params): Params {
  for (const [name, variable] of Object.entries(params)) {
    const draws = createRng(9).fork(name).normals(variable.size);
    tf.tidy(() => {
      const noise = tf.tensor(
        draws.map((v) => 0.3 * (name.endsWith("running_var") ? Math.abs(v) : v)),
        variable.shape,
      );
      variable.assign(tf.add(variable, noise));
    });
  }
  return params;
}

export function naiveResNet(
  config: ResNetConfig,
  weights: Weights,
  images: Values,
  { train = false } = {},
): Naive {
  const norm = (x: Values, name: string) => batchNorm(x, weights, name, train);
  const convolve = (x: Values, name: string, stride = 1) => conv(x, weights[`${name}.weight`]!, stride);
  let x = relu(norm(convolve(images, "conv1"), "bn1"));
  config.blocks.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const name = `layer${stage + 1}.${i}`;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      let y: Values;
      if (config.bottleneck) {
        y = relu(norm(convolve(x, `${name}.conv1`), `${name}.bn1`));
        y = relu(norm(convolve(y, `${name}.conv2`, stride), `${name}.bn2`));
        y = norm(convolve(y, `${name}.conv3`), `${name}.bn3`);
      } else {
        y = relu(norm(convolve(x, `${name}.conv1`, stride), `${name}.bn1`));
        y = norm(convolve(y, `${name}.conv2`), `${name}.bn2`);
      }
      let shortcut = x;
      if (weights[`${name}.downsample.0.weight`]) {
        shortcut = norm(convolve(x, `${name}.downsample.0`, stride), `${name}.downsample.1`);
      } else if (stride === 2) {
        shortcut = optionA(x, y.shape[3]!);
      }
      x = relu(map(y, (v, i) => v + shortcut.data[i]!));
    }
  });
  return head(x, weights);
}

export function naiveDenseNet(
  config: DenseNetConfig,
  weights: Weights,
  images: Values,
  { train = false } = {},
): Naive {
  const norm = (x: Values, name: string) => relu(batchNorm(x, weights, name, train));
  const convolve = (x: Values, name: string) => conv(x, weights[`${name}.weight`]!, 1);
  let x = norm(convolve(images, "features.conv0"), "features.norm0");
  config.blocks.forEach((count, b) => {
    for (let i = 1; i <= count; i++) {
      const name = `block${b + 1}.denselayer${i}`;
      const inner = convolve(norm(x, `${name}.norm1`), `${name}.conv1`);
      x = concat(x, convolve(norm(inner, `${name}.norm2`), `${name}.conv2`));
    }
    if (b === config.blocks.length - 1) return;
    x = halve(convolve(norm(x, `trans${b + 1}.norm`), `trans${b + 1}.conv`));
  });
  return head(norm(x, "final_norm"), weights);
}

type Size = [number, number, number, number];

function make(shape: Size, value: (b: number, y: number, x: number, c: number) => number): Values {
  const [batch, height, width, channels] = shape;
  const data = new Float64Array(batch * height * width * channels);
  let i = 0;
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) data[i++] = value(b, y, x, c);
  return { shape, data };
}

/** The value at a place; zero outside the picture. */
function at({ shape, data }: Values, b: number, y: number, x: number, c: number): number {
  const [, height, width, channels] = shape as Size;
  if (y < 0 || x < 0 || y >= height || x >= width || c < 0 || c >= channels) return 0;
  return data[((b * height + y) * width + x) * channels + c]!;
}

function map(x: Values, f: (value: number, index: number) => number): Values {
  return { shape: x.shape, data: x.data.map(f) };
}

const relu = (x: Values) => map(x, (v) => Math.max(v, 0));

function conv(x: Values, weight: Values, stride: number): Values {
  const [size, , widthIn, widthOut] = weight.shape as Size;
  const border = (size - 1) / 2;
  const [batch, height, width] = x.shape as Size;
  const shape: Size = [batch, Math.ceil(height / stride), Math.ceil(width / stride), widthOut];
  return make(shape, (b, y, column, o) => {
    let sum = 0;
    for (let ky = 0; ky < size; ky++)
      for (let kx = 0; kx < size; kx++)
        for (let i = 0; i < widthIn; i++) {
          const tap = weight.data[((ky * size + kx) * widthIn + i) * widthOut + o]!;
          sum += tap * at(x, b, y * stride + ky - border, column * stride + kx - border, i);
        }
    return sum;
  });
}

function batchNorm(x: Values, weights: Weights, name: string, train: boolean): Values {
  const channels = x.shape[3]!;
  const of = (key: string) => weights[`${name}.${key}`]!.data;
  const each = Array.from({ length: channels }, (_, c) => [...x.data].filter((_, i) => i % channels === c));
  const mean = train ? each.map(average) : of("running_mean");
  const variance = train ? each.map((v, c) => average(v.map((a) => (a - mean[c]!) ** 2))) : of("running_var");
  return map(x, (v, i) => {
    const c = i % channels;
    return ((v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * of("weight")[c]! + of("bias")[c]!;
  });
}

const average = (numbers: readonly number[]) => numbers.reduce((sum, v) => sum + v, 0) / numbers.length;

function optionA(x: Values, widthOut: number): Values {
  const [batch, height, width, channels] = x.shape as Size;
  const border = (widthOut - channels) / 2;
  const shape: Size = [batch, Math.ceil(height / 2), Math.ceil(width / 2), widthOut];
  return make(shape, (b, y, column, c) => at(x, b, 2 * y, 2 * column, c - border));
}

function concat(a: Values, b: Values): Values {
  const [batch, height, width, channels] = a.shape as Size;
  const shape: Size = [batch, height, width, channels + b.shape[3]!];
  return make(shape, (n, y, x, c) => (c < channels ? at(a, n, y, x, c) : at(b, n, y, x, c - channels)));
}

function halve(x: Values): Values {
  const [batch, height, width, channels] = x.shape as Size;
  const shape: Size = [batch, Math.floor(height / 2), Math.floor(width / 2), channels];
  return make(shape, (b, y, column, c) => {
    const taps = [0, 1].flatMap((dy) => [0, 1].map((dx) => at(x, b, 2 * y + dy, 2 * column + dx, c)));
    return average(taps);
  });
}

function head(x: Values, weights: Weights): Naive {
  const [batch, height, width, channels] = x.shape as Size;
  const features = make([batch, 1, 1, channels], (b, _, __, c) => {
    let sum = 0;
    for (let y = 0; y < height; y++) for (let column = 0; column < width; column++) sum += at(x, b, y, column, c); // prettier-ignore
    return sum / (height * width);
  });
  const { shape, data } = weights["fc.weight"]!;
  const classes = shape[1]!;
  const logits = make([batch, 1, 1, classes], (b, _, __, k) => {
    let sum = weights["fc.bias"]!.data[k]!;
    for (let c = 0; c < channels; c++) sum += at(features, b, 0, 0, c) * data[c * classes + k]!;
    return sum;
  });
  return { logits: [...logits.data], features: [...features.data] };
}

/** A loss in which every output has a weight of its own: the sum of (1 + i mod 5) output_i^2. */
export function naiveLoss({ logits, features }: Naive): number {
  const part = (values: number[]) => values.reduce((sum, v, i) => sum + (1 + (i % 5)) * v * v, 0);
  return part(logits) + part(features);
}

/** The same of tensors. */
export function tensorLoss({ logits, features }: ClassifierOutput): tf.Scalar {
  const part = (x: tf.Tensor) => {
    const weights = tf.tensor(
      Array.from({ length: x.size }, (_, i) => 1 + (i % 5)),
      x.shape,
    );
    return tf.sum(tf.mul(weights, tf.square(x)));
  };
  return tf.add(part(logits), part(features)).asScalar();
}

/** Central differences of `loss` by the first `count` entries of `values`, which is put back as it was. */
export function finiteDifferences(
  loss: () => number,
  values: Float64Array,
  count: number = values.length,
): number[] {
  const step = 1e-6;
  return Array.from(values.subarray(0, count), (value, i) => {
    values[i] = value + step;
    const above = loss();
    values[i] = value - step;
    const below = loss();
    values[i] = value;
    return (above - below) / (2 * step);
  });
}
