import type * as tf from "@tensorflow/tfjs";
import { checkRows, imageSizes } from "./channelwise.js";
import { FLOAT } from "./geometry.js";
import { address, kernel, withScratch, type WasmBackend } from "./heap.js";
import { kernelsOf } from "./module.js";

// The engine's part of src/models/batch-norm.ts.

interface Attributes {
  readonly relu: boolean;
  readonly epsilon: number;
}

/** All pixels of a batch, and the channels of each. */
function flatSizes(x: tf.TensorInfo): [pixels: number, channels: number] {
  const { batch, pixels, channels } = imageSizes(x);
  return [batch * pixels, channels];
}

function normalise(
  backend: WasmBackend,
  [x, gamma, beta, mean, variance, other]: readonly (tf.TensorInfo | undefined)[],
  { relu, epsilon }: Attributes,
): tf.TensorInfo {
  const [pixels, channels] = flatSizes(x!);
  checkRows("batchNorm", channels, [gamma!, beta!, mean!, variance!]);
  const y = backend.makeOutput(x!.shape, "float32");
  const tensors = [x, gamma, beta, mean, variance, other, y].map((tensor) =>
    tensor === undefined ? 0 : address(backend, tensor),
  );
  withScratch(backend, [2 * channels * FLOAT], (room) => {
    kernelsOf(backend).batchNorm(...tensors, room, pixels, channels, epsilon, Number(relu));
  });
  return y;
}

/** x, gamma, beta, mean, variance and perhaps what is added before the ReLU, to y. */
export const fixedBatchNorm: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const { input0, input1, input2, input3, input4, input5 } = inputs;
  const tensors = [input0, input1, input2, input3, input4, input5];
  return normalise(backend, tensors, attrs as unknown as Attributes);
});

/** x, gamma and beta to y, and each channel's mean and variance. */
export const batchNorm: tf.KernelFunc = kernel(({ input0: x, input1, input2 }, backend, attrs) => {
  const [pixels, channels] = flatSizes(x!);
  const [mean, variance] = [0, 1].map(() => backend.makeOutput([channels], "float32"));
  const tensors = [x!, mean!, variance!].map((tensor) => address(backend, tensor));
  withScratch(backend, [3 * channels * FLOAT], (room) => {
    backend.wasm.HEAPU8.fill(0, room, room + 3 * channels * FLOAT);
    kernelsOf(backend).channelMoments(...tensors, room, pixels, channels);
  });
  const y = normalise(backend, [x, input1, input2, mean, variance], attrs as unknown as Attributes);
  return [y, mean!, variance!];
});

interface Sums {
  readonly dx: tf.TensorInfo;
  readonly dOther: tf.TensorInfo | undefined;
  readonly dGamma: tf.TensorInfo;
  readonly dBeta: tf.TensorInfo;
}

function gradients(
  backend: WasmBackend,
  [x, gamma, beta, mean, variance, other, dy]: readonly (tf.TensorInfo | undefined)[],
  { relu, epsilon }: Attributes,
  train: boolean,
): Sums {
  const [pixels, channels] = flatSizes(x!);
  const [dx, dGamma, dBeta] = [x!, gamma!, beta!].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const dOther = other && backend.makeOutput(x!.shape, "float32");
  const tensors = [x, gamma, beta, mean, variance, other, dy, dx, dOther].map((tensor) =>
    tensor === undefined ? 0 : address(backend, tensor),
  );
  const row = channels * FLOAT;
  withScratch(backend, [4 * row, 6 * row], (totals, room) => {
    backend.wasm.HEAPU8.fill(0, totals, room + 2 * row);
    const flags = [Number(relu), Number(train)];
    kernelsOf(backend).batchNormGradient(...tensors, totals, room, pixels, channels, epsilon, ...flags);
    const sums = new Float64Array(backend.wasm.HEAPU8.buffer, totals, 2 * channels);
    backend.typedArrayFromHeap(dBeta!).set(sums.subarray(0, channels));
    backend.typedArrayFromHeap(dGamma!).set(sums.subarray(channels));
  });
  return { dx: dx!, dOther, dGamma: dGamma!, dBeta: dBeta! };
}

export const batchNormGradient: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const { input0, input1, input2, extra0, extra1, dy } = inputs;
  const tensors = [input0, input1, input2, extra0, extra1, undefined, dy];
  const { dx, dGamma, dBeta } = gradients(backend, tensors, attrs as unknown as Attributes, true);
  return [dx, dGamma, dBeta];
});

export const fixedBatchNormGradient: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const { input0, input1, input2, input3, input4, input5, dy } = inputs;
  const tensors = [input0, input1, input2, input3, input4, input5, dy];
  const { epsilon } = attrs as unknown as Attributes;
  const { dx, dOther, dGamma, dBeta } = gradients(backend, tensors, attrs as unknown as Attributes, false);
  const statistics = [input3!, input4!].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const [dMean, dVariance, gamma, variance, byGamma, byBeta] = [
    ...statistics,
    ...[input1!, input4!, dGamma, dBeta],
  ].map((tensor) => backend.typedArrayFromHeap(tensor));
  for (let i = 0; i < gamma!.length; i++) {
    const inverse = 1 / Math.sqrt(variance![i]! + epsilon);
    dMean![i] = -byBeta![i]! * gamma![i]! * inverse;
    dVariance![i] = -0.5 * byGamma![i]! * gamma![i]! * inverse ** 2;
  }
  return [dx, dGamma, dBeta, ...statistics, ...(dOther ? [dOther] : [])];
});
