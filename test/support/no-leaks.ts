import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";

/** Runs a file's tests on cpu, and fails each that leaves a tensor behind. */
export function onCpuWithoutLeaks(): void {
  let before = 0;
  beforeAll(async () => {
    await tf.setBackend("cpu");
    await tf.ready();
  });
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, "tensors left behind").toBe(before);
  });
}
