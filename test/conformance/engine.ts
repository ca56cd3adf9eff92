import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, expect, inject } from "vitest";
import { useBackend } from "../../src/index.js";

/** The engine of the vitest project that runs this file, and whether it runs everything or what is quick. */
export const engine = inject("engine");
export const full = inject("size") === "full";

/** A page's bundler must see what it is to pack; in Node, useBackend loads the engine by itself. */
const inPages = import.meta.glob("../../src/backends/{wasm,webgl,webgpu}.ts");
const wasmPaths = "/node_modules/@tensorflow/tfjs-backend-wasm/dist/";

/**
 * The program for matrices that a GPU would be given for large ones. A software renderer takes a second for a U-Net's
 * step with it, and ten with the one that TensorFlow.js picks for small ones, which the full run leaves in place.
 */
const PACKED = 3;

/** Of a list of cases, a few from all over it, unless everything is to run. */
export function sample<T>(cases: readonly T[], count: number): readonly T[] {
  if (full || count >= cases.length) return cases;
  return Array.from({ length: count }, (_, i) => cases[Math.floor(((i + 0.5) * cases.length) / count)]!);
}

export async function start(): Promise<void> {
  if (typeof window === "undefined") await useBackend(engine);
  else {
    await inPages[`../../src/backends/${engine}.ts`]?.();
    await useBackend(engine, engine === "wasm" ? { wasmPaths } : {});
  }
  if (engine === "webgpu" && !full) tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", PACKED);
}

/** Runs a file's tests on the project's engine, and fails each that leaves a tensor behind. */
export function onEngine(): void {
  beforeAll(start);
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, "tensors left behind").toBe(before);
  });
}
