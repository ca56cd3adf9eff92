import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeEach, expect, vi } from "vitest";

/** Keeps from the terminal what a file's tests print, and fails each that leaves a tensor behind. */
export function quietlyWithoutLeaks(): void {
  let before = 0;
  beforeEach(() => {
    vi.spyOn(console, "log").mockReturnValue(undefined);
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    vi.restoreAllMocks();
    expect(tf.memory().numTensors).toBe(before);
  });
}
