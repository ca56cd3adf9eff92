import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { copyOf, withValues } from "../../src/backends/engine.js";
import { useBackend } from "../../src/index.js";

const numbers = [1, -0, 3.5, NaN];
const read = (tensor: tf.Tensor) => withValues(tensor, (values) => Array.from(values));

it.each(["wasm", "cpu"] as const)(
  "withValues lends a tensor's numbers, whichever engine holds it: %s",
  async (name) => {
    await useBackend(name === "wasm" ? "cpu" : "wasm");
    const elsewhere = tf.tensor(numbers);
    await useBackend(name);
    const [here, grown] = [tf.tensor(numbers), tf.zeros([1 << 20])]; // the second may move the first's memory
    expect(await read(here)).toEqual(numbers);
    expect(await read(elsewhere)).toEqual(numbers);
    const sum = tf.add(elsewhere, 0);
    expect(await read(elsewhere)).toEqual(numbers); // now moved
    tf.dispose([elsewhere, here, grown, sum]);
  },
);

it.each(["wasm", "cpu"] as const)("copyOf keeps nothing of the array: %s", async (name) => {
  await useBackend(name);
  const memory = Float32Array.of(9, ...numbers, 9);
  const tensor = copyOf(memory.subarray(1, 5), [2, 2]);
  memory.fill(7);
  expect(tensor.shape).toEqual([2, 2]);
  expect(Array.from(await tensor.data())).toEqual(numbers);
  tensor.dispose();
});
