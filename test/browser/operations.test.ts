import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/webgl";
import "cfd-distill/backends/webgpu";
import { describe, expect, it } from "vitest";
import { useBackend } from "cfd-distill";
import { cases, distance, draw, evaluateCase } from "../support/compositions.js";
import { evaluate, operations } from "../support/operations.js";

// Every operation that training uses, on the graphics engines against cpu: values and gradients.

const engines = ["webgl", "webgpu"] as const;

describe.each(engines)("%s", (engine) => {
  it.each(Object.entries(operations))("agrees with cpu: %s", async (_, operation) => {
    await useBackend("cpu");
    const inputs = operation.inputs();
    const values = await Promise.all(inputs.map(async (input) => (await input.data<"float32">()).slice()));
    const expected = await evaluate(operation, inputs);
    await useBackend(engine);
    const there = inputs.map((input, i) => tf.tensor(values[i]!, input.shape));
    const before = tf.memory();
    const actual = await evaluate(operation, there);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
    expected.forEach((each, i) => {
      expect(distance(actual[i]!, each), `output ${i}`).toBeLessThan(3e-6);
    });
    tf.dispose([inputs, there]);
  });

  it.each(cases)("agrees with cpu: $name", async (composition) => {
    await useBackend("cpu");
    const { inputs, dy } = draw(composition);
    const expected = await evaluateCase(composition, inputs, dy);
    await useBackend(engine);
    const actual = await evaluateCase(composition, inputs, dy);
    expected.forEach((each, i) => {
      expect(distance(actual[i]!, each), `output ${i}`).toBeLessThan(3e-6);
    });
  });
});
