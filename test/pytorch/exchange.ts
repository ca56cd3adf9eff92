// What a test and a Python program hand each other: safetensors files in a folder, images in PyTorch's layout.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  type StateDict,
  type StoredTensor,
} from "../../src/formats/index.js";

export async function inFolder(use: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cfd-pytorch-"));
  try {
    await use((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
}

export const readTensors = async (path: string): Promise<StateDict> =>
  decodeSafetensors(await readFile(path));

export const writeTensors = (path: string, tensors: StateDict): Promise<void> =>
  writeFile(path, encodeSafetensors(tensors));

export async function channelsFirst(images: tf.Tensor4D): Promise<StoredTensor> {
  const turned = tf.transpose(images, [0, 3, 1, 2]);
  const data = Float32Array.from(await turned.data<"float32">());
  turned.dispose();
  return { dtype: "F32", shape: turned.shape, data };
}

export function channelsLast({ data, shape }: StoredTensor): tf.Tensor4D {
  const images = shape as [number, number, number, number];
  return tf.tidy(() => tf.transpose(tf.tensor4d(data as Float32Array, images), [0, 2, 3, 1]));
}

export const integers = (values: readonly number[]): StoredTensor => ({
  dtype: "I64",
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** Prints a measured difference, which docs/pytorch.md lists, and holds it to its tolerance. */
export function report(path: string, difference: number, tolerance: number): void {
  console.log(`largest difference ${difference.toExponential(1)} of ${tolerance.toExponential(0)}: ${path}`);
  expect(difference, path).toBeLessThanOrEqual(tolerance);
}
