import type * as tf from "@tensorflow/tfjs";
import { address, kernel, sizeOf, type WasmBackend } from "./heap.js";
import { kernelsOf } from "./module.js";

// The engine's part of src/training: each kernel gives new tensors, as variables share their data with clones.

const like = (backend: WasmBackend, tensor: tf.TensorInfo, count: number) =>
  Array.from({ length: count }, () => backend.makeOutput(tensor.shape, "float32"));

const addresses = (backend: WasmBackend, tensors: readonly tf.TensorInfo[]) =>
  tensors.map((tensor) => address(backend, tensor));

/** Weight, gradient and both moments to a new weight and new moments. */
export const adam: tf.KernelFunc = kernel(({ weight, grad, expAvg, expAvgSq }, backend, attrs) => {
  const { take1, keep2, take2, stepSize, bias2, epsilon, shrink, decay } = attrs as Record<string, number>;
  const outputs = like(backend, weight!, 3);
  const tensors = addresses(backend, [weight!, grad!, expAvg!, expAvgSq!, ...outputs]);
  const constants = [take1!, keep2!, take2!, stepSize!, bias2!, epsilon!, shrink!, decay!];
  kernelsOf(backend).adam(...tensors, sizeOf(weight!.shape), ...constants);
  return outputs;
});

/** Weight, gradient and momentum to a new weight and a new momentum. */
export const sgd: tf.KernelFunc = kernel(({ weight, grad, momentum }, backend, attrs) => {
  const { rate, keep, decay } = attrs as Record<string, number>;
  const outputs = like(backend, weight!, 2);
  const tensors = addresses(backend, [weight!, grad!, momentum!, ...outputs]);
  kernelsOf(backend).sgd(...tensors, sizeOf(weight!.shape), rate!, keep!, decay!);
  return outputs;
});

/** average keep + weight take. */
export const ema: tf.KernelFunc = kernel(({ average, weight }, backend, attrs) => {
  const { keep, take } = attrs as Record<string, number>;
  const [out] = like(backend, weight!, 1);
  const tensors = addresses(backend, [average!, weight!, out!]);
  kernelsOf(backend).mix(...tensors, sizeOf(weight!.shape), keep!, take!);
  return out!;
});

/** A tensor's sum of squares. */
export const sumOfSquares: tf.KernelFunc = kernel(({ x }, backend) => {
  const out = backend.makeOutput([], "float32");
  kernelsOf(backend).sumOfSquares(address(backend, x!), address(backend, out), sizeOf(x!.shape));
  return out;
});

/** x times a scalar. */
export const scale: tf.KernelFunc = kernel(({ x, factor }, backend) => {
  const [out] = like(backend, x!, 1);
  kernelsOf(backend).scale(...addresses(backend, [x!, factor!, out!]), sizeOf(x!.shape));
  return out!;
});
