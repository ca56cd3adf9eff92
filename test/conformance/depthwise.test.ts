// Convolutions as the layers of other people's classifiers ask for them: fused, one filter a channel, filters smaller than
// their stride, borders that differ, dilations; against sums in float64. And a classifier of such layers trains a student.
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { cfdLoss, cosineSchedule, createRng, valueAndGrads } from "../../src/index.js";
import { fromLayersModel } from "../../src/adapters/index.js";
import { useBackend, type Denoiser } from "../../src/index.js";
import { engine, full, onEngine, sample, start } from "./engine.js";

onEngine();

type Pair = readonly [number, number];
type Borders = readonly [top: number, bottom: number, left: number, right: number];
type Sizes = [number, number, number, number];

interface Shape {
  readonly image: Sizes;
  readonly size: Pair;
  readonly strides: Pair;
  readonly pad: "same" | "valid" | Borders;
  readonly dilations: Pair;
  /** Outputs of a channel where each has filters of its own, or of all channels together. */
  readonly outputs: number;
  readonly depthwise: boolean;
}

/** How many outputs an axis has, and how many zeros stand before its pixels. */
function axis(
  { image, size, strides, pad, dilations }: Shape,
  which: 0 | 1,
): { count: number; before: number } {
  const [length, stride] = [image[1 + which]!, strides[which]];
  const reach = (size[which] - 1) * dilations[which] + 1;
  if (pad === "same") {
    const count = Math.ceil(length / stride);
    return { count, before: Math.floor(Math.max(0, (count - 1) * stride + reach - length) / 2) };
  }
  const [before, after] = pad === "valid" ? [0, 0] : [pad[2 * which]!, pad[2 * which + 1]!];
  return { count: Math.floor((length + before + after - reach) / stride) + 1, before };
}

/** The value and, for output gradients `dy`, both gradients, by definition. */
function naive(shape: Shape, x: Float32Array, w: Float32Array, weights: (at: number) => number) {
  const { image, size, strides, dilations, outputs, depthwise } = shape;
  const [batch, height, width, channels] = image;
  const [rows, columns] = [axis(shape, 0), axis(shape, 1)];
  const outs = depthwise ? channels * outputs : outputs;
  const y = new Float64Array(batch * rows.count * columns.count * outs);
  const [dx, dw] = [new Float64Array(x.length), new Float64Array(w.length)];
  for (let at = 0; at < y.length; at++) {
    const [o, j] = [at % outs, Math.floor(at / outs) % columns.count];
    const i = Math.floor(at / outs / columns.count) % rows.count;
    const b = Math.floor(at / outs / columns.count / rows.count);
    for (let tap = 0; tap < size[0] * size[1]; tap++) {
      const row = i * strides[0] + Math.floor(tap / size[1]) * dilations[0] - rows.before;
      const column = j * strides[1] + (tap % size[1]) * dilations[1] - columns.before;
      if (row < 0 || column < 0 || row >= height || column >= width) continue;
      for (let c = 0; c < channels; c++) {
        if (depthwise && c !== Math.floor(o / outputs)) continue;
        const from = ((b * height + row) * width + column) * channels + c;
        const weight = depthwise ? tap * outs + o : (tap * channels + c) * outputs + o;
        y[at]! += x[from]! * w[weight]!;
        dx[from]! += w[weight]! * weights(at);
        dw[weight]! += x[from]! * weights(at);
      }
    }
  }
  return { y, dx, dw, shape: [batch, rows.count, columns.count, outs] };
}

const small: [Pair, Pair][] = [
  [[2, 2], [3, 3]],
  [[1, 2], [2, 2]],
  [[1, 3], [2, 2]],
  [[1, 5], [2, 2]],
  [[3, 3], [4, 4]],
  [[1, 1], [2, 3]],
]; // prettier-ignore
const one: Pair = [1, 1];
const kinds = [false, true].flatMap((depthwise) => [1, 3].map((outputs) => ({ depthwise, outputs })));
const windows: Pick<Shape, "size" | "strides" | "pad" | "dilations">[] = [
  ...small.map(([size, strides]) => ({ size, strides, pad: "same" as const, dilations: one })),
  { size: [3, 3], strides: one, pad: "same", dilations: one },
  { size: [3, 3], strides: [2, 2], pad: "valid", dilations: one },
  { size: [3, 2], strides: [2, 2], pad: [1, 0, 0, 2], dilations: one },
  { size: [2, 3], strides: [3, 3], pad: [3, 2, 0, 4], dilations: one },
  { size: [3, 3], strides: [1, 2], pad: "same", dilations: one },
  { size: [5, 3], strides: [3, 1], pad: [2, 1, 0, 3], dilations: one },
  { size: [3, 3], strides: one, pad: "same", dilations: [2, 2] },
  { size: [3, 2], strides: one, pad: [2, 0, 1, 3], dilations: [1, 3] },
];
/** Sides that a stride divides and that it does not; channels that fill vectors and that do not. */
const images: Sizes[] = [[2, 8, 6, 5], [1, 7, 9, 4]]; // prettier-ignore
const all = windows.flatMap((window) =>
  kinds.flatMap((kind) => images.map((image): Shape => ({ ...window, ...kind, image }))),
);
/** TensorFlow refuses one filter a channel with two strides, or with dilations. */
const plain = (s: Shape) => s.strides[0] === s.strides[1] && Math.max(...s.dilations) === 1;
const offered = all.filter((shape) => engine !== "node" || !shape.depthwise || plain(shape));
const isGraphics = engine === "webgl" || engine === "webgpu";

const rng = createRng(8);

function convolve(shape: Shape, x: tf.Tensor, w: tf.Tensor): tf.Tensor {
  const [image, filter] = [x, w] as [tf.Tensor4D, tf.Tensor4D];
  const { strides, dilations, depthwise, pad: p } = shape;
  const pad = typeof p === "string" ? p : ([[0, 0], [p[0], p[1]], [p[2], p[3]], [0, 0]] as tf.backend_util.ExplicitPadding); // prettier-ignore
  const f = depthwise ? tf.depthwiseConv2d : tf.conv2d;
  return f(image, filter, [...strides], pad, "NHWC", [...dilations]);
}

function expectClose(actual: ArrayLike<number>, expected: Float64Array): void {
  const scale = Math.max(1, ...expected.map(Math.abs));
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i]! - value)).toBeLessThanOrEqual(3e-6 * scale);
  });
}

describe("a convolution has the value and the gradients of its definition", () => {
  it.each(sample(offered, isGraphics ? 5 : 36))("%j", async (shape) => {
    const { image, size, outputs, depthwise, dilations } = shape;
    const channels = image[3];
    const filter: Sizes = [...size, channels, outputs];
    const [x, w] = [image, filter].map((sizes) => rng.normals(tf.util.sizeFromShape(sizes)));
    const weights = (at: number) => Math.cos(at);
    const expected = naive(shape, x!, w!, weights);
    const results = tf.tidy(() => {
      const inputs = [tf.tensor(x!, image), tf.tensor(w!, filter)] as const;
      const y = convolve(shape, ...inputs);
      expect(y.shape).toEqual(expected.shape);
      const fused = (depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d) as typeof tf.fused.conv2d;
      const { strides, pad: p } = shape;
      const pad = typeof p === "string" ? p : ([[0, 0], [p[0], p[1]], [p[2], p[3]], [0, 0]] as tf.backend_util.ExplicitPadding); // prettier-ignore
      const rest = { strides: [...strides] as [number, number], pad, dilations: [...dilations] as [number, number] }; // prettier-ignore
      const bias = tf.fill([y.shape[3]!], 0.25);
      const activated = fused({ x: inputs[0] as tf.Tensor4D, filter: inputs[1] as tf.Tensor4D, ...rest, bias, activation: "relu" }); // prettier-ignore
      if (Math.max(...dilations) > 1) return [y, activated]; // TensorFlow.js has no gradient of those
      const dy = tf.tensor(
        Float32Array.from({ length: y.size }, (_, i) => weights(i)),
        y.shape,
      );
      return [y, activated, ...tf.grads((a, b) => convolve(shape, a, b))([...inputs], dy)];
    });
    const data = await Promise.all(results.map((result) => result.data()));
    tf.dispose(results);
    const { y, dx, dw } = expected;
    const wanted = [y, y.map((value) => Math.max(0, value + 0.25)), dx, dw];
    data.forEach((values, i) => {
      expectClose(values, wanted[i]!);
    });
  });

  it("with the numbers that were found wrong: 1x3, stride 2, same", async () => {
    const y = tf.tidy(() => {
      const x = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 1, 6, 1]);
      return tf.fused.conv2d({ x, filter: tf.tensor4d([1, 10, 100], [1, 3, 1, 1]), strides: 2, pad: "same" });
    });
    expect([...(await y.data())]).toEqual([321, 543, 65]);
    y.dispose();
  });
});

/** A small MobileNet; its weights the same on every engine. */
function mobileNet(): tf.LayersModel {
  const { input, model: make, layers } = tf;
  const images = input({ shape: [12, 10, 3] });
  const chain = [
    layers.conv2d({ filters: 8, kernelSize: [1, 3], strides: 2, padding: "same", activation: "relu6" }),
    layers.depthwiseConv2d({ kernelSize: 3, padding: "same" }),
    layers.batchNormalization({}),
    layers.reLU({ maxValue: 6 }),
    layers.conv2d({ filters: 12, kernelSize: 1, activation: "relu" }),
    layers.depthwiseConv2d({ kernelSize: 2, strides: 3, padding: "same", depthMultiplier: 2 }),
    layers.separableConv2d({ filters: 8, kernelSize: 3, padding: "same", activation: "elu" }),
    layers.globalAveragePooling2d({ name: "pool" }),
    layers.dense({ units: 4 }),
  ];
  const logits = chain.reduce<tf.SymbolicTensor>((at, layer) => layer.apply(at) as tf.SymbolicTensor, images);
  const model = make({ inputs: images, outputs: logits });
  const weights = createRng(5);
  tf.tidy(() => {
    model.setWeights(
      model.getWeights().map((weight) => {
        const positive = weight.shape.length === 1 ? Math.abs : (value: number) => value;
        return tf.tensor(
          weights.normals(weight.size).map((v) => positive(0.4 * v)),
          weight.shape,
        );
      }),
    );
  });
  return model;
}

/** The loss of a student that scales its input by one weight a channel, and the gradient by those. */
async function lossAt(scale: readonly number[]): Promise<{ loss: number; grad: Float32Array }> {
  const model = mobileNet();
  const classifier = fromLayersModel(model, { logits: 0, features: "pool" });
  const params = { scale: tf.tidy(() => tf.variable(tf.tensor1d([...scale]))) };
  const denoiserOf = (factor: tf.Tensor): Denoiser =>
    Object.assign((zt: tf.Tensor4D) => tf.mul<tf.Tensor4D>(zt, factor), { predictionType: "x0" as const });
  const images = createRng(6);
  const draw = () => tf.tensor4d(images.normals(2 * 12 * 10 * 3), [2, 12, 10, 3]);
  const [x0, eps, half] = [draw(), draw(), tf.scalar(0.5)];
  const { terms, grads } = valueAndGrads(
    () =>
      cfdLoss({
        ...{ student: denoiserOf(params.scale), teacher: denoiserOf(half), classifier, x0, eps },
        ...{ schedule: cosineSchedule(), times: [0.5, 1], studentSteps: 2, temperature: 0.9, beta: 0.1, gamma: 0.5 },
      }), // prettier-ignore
    params,
  );
  const [loss, grad] = await Promise.all([terms.loss.data(), grads.scale!.data<"float32">()]);
  const result = { loss: loss[0]!, grad: grad.slice() };
  tf.dispose([x0, eps, half, terms, grads, params]);
  model.dispose();
  return result;
}

describe("a MobileNet of tf.layers", () => {
  it("trains a student: the loss has the gradient that cpu has, and falls along it", async () => {
    const scale = [0.9, 1.2, 0.7];
    const here = await lossAt(scale);
    const largest = Math.max(...here.grad.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    const step = 0.02 / largest;
    const further = await lossAt(scale.map((value, i) => value - step * here.grad[i]!));
    expect(further.loss).toBeLessThan(here.loss);
    await useBackend("cpu");
    const { loss, grad } = await lossAt(scale);
    await start();
    expect(Math.abs(here.loss - loss)).toBeLessThanOrEqual(2e-5 * Math.abs(loss));
    here.grad.forEach((value, i) => {
      expect(Math.abs(value - grad[i]!)).toBeLessThanOrEqual(1e-4 * largest);
    });
  });

  it.skipIf(isGraphics && !full)("has the gradient of finite differences", async () => {
    const [scale, by] = [[0.9, 1.2, 0.7], 1e-3]; // further away ReLU6 has a kink
    const { grad } = await lossAt(scale);
    const largest = Math.max(...grad.map(Math.abs));
    for (let i = 0; i < 3; i++) {
      const moved = (to: number) => lossAt(scale.map((value, k) => (k === i ? value + to : value)));
      const slope = ((await moved(by)).loss - (await moved(-by)).loss) / (2 * by);
      expect(Math.abs(slope - grad[i]!)).toBeLessThanOrEqual(1e-2 * largest);
    }
  });
});
