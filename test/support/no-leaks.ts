import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { useBackend } from "../../src/index.js";

/** Runs a file's tests on the stock engine cpu, and fails each that leaves a tensor behind. */
export function onCpuWithoutLeaks(): void {
  withoutLeaks(async () => {
    await tf.setBackend("cpu");
    await tf.ready();
  });
}

/** The same on wasm with this library's kernels. */
export function onWasmWithoutLeaks(): void {
  withoutLeaks(() => useBackend("wasm"));
}

function withoutLeaks(start: () => Promise<unknown>): void {
  let before = 0;
  beforeAll(start);
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, "tensors left behind").toBe(before);
  });
}
