import type * as tf from "@tensorflow/tfjs";
import { checkRows, imageSizes } from "./channelwise.js";
import { FLOAT } from "./geometry.js";
import { address, kernel, withScratch } from "./heap.js";
import { kernelsOf } from "./module.js";

// The engine's part of group norm with or without SiLU: see src/models/group-norm.ts for what it computes.

interface Attributes {
  readonly groups: number;
  readonly activate: boolean;
  readonly epsilon: number;
}

/** x, gamma, beta to y and, for the gradient, each image's and group's mean and 1 / standard deviation. */
export const groupNorm: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const [x, gamma, beta] = [inputs.input0!, inputs.input1!, inputs.input2!];
  const { groups, activate, epsilon } = attrs as unknown as Attributes;
  const { batch, pixels, channels } = imageSizes(x);
  checkRows("groupNorm", channels, [gamma, beta]);
  const outputs = [x.shape, [batch, groups], [batch, groups]].map((shape) =>
    backend.makeOutput(shape, "float32"),
  );
  const tensors = [x, gamma, beta, ...outputs].map((tensor) => address(backend, tensor));
  withScratch(backend, [5 * channels * FLOAT], (room) => {
    backend.wasm.HEAPU8.fill(0, room, room + 3 * channels * FLOAT);
    const counts = [batch, pixels, channels, groups, epsilon, Number(activate)];
    kernelsOf(backend).groupNorm(...tensors, room, ...counts);
  });
  return outputs;
});

/** dy, what {@link groupNorm} was given, its mean and its 1 / standard deviation to the gradients of x, gamma, beta. */
export const groupNormGradient: tf.KernelFunc = kernel((inputs, backend, attrs) => {
  const [x, gamma, beta] = [inputs.input0!, inputs.input1!, inputs.input2!];
  const { groups, activate } = attrs as unknown as Attributes;
  const { batch, pixels, channels } = imageSizes(x);
  const outputs = [x, gamma, beta].map(({ shape }) => backend.makeOutput(shape, "float32"));
  const [dx, ...weights] = outputs;
  const tensors = [x, inputs.dy!, dx!, gamma, beta, inputs.extra0!, inputs.extra1!];
  const addresses = tensors.map((tensor) => address(backend, tensor));
  const row = channels * FLOAT;
  withScratch(backend, [4 * row, 11 * row], (all, room) => {
    backend.wasm.HEAPU8.fill(0, all, room + 6 * row);
    const counts = [batch, pixels, channels, groups, Number(activate)];
    kernelsOf(backend).groupNormGradient(...addresses, all, room, ...counts);
    const sums = new Float64Array(backend.wasm.HEAPU8.buffer, all, 2 * channels);
    const [dGamma, dBeta] = weights.map((weight) => backend.typedArrayFromHeap(weight));
    dGamma!.set(sums.subarray(channels));
    dBeta!.set(sums.subarray(0, channels));
  });
  return outputs;
});
