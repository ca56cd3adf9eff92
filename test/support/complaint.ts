import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/** The message of what `f` throws or rejects with, which leaves no tensor behind. */
export async function complaint(f: () => unknown): Promise<string> {
  const before = tf.memory().numTensors;
  try {
    await f();
  } catch (error) {
    expect(tf.memory().numTensors).toBe(before);
    return (error as Error).message;
  }
  return "nothing";
}
