import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, expect, inject } from "vitest";
import { useBackend, type BackendReport } from "../../src/index.js";

/** The engine of the vitest project that runs this file, and whether it runs everything or what is quick. */
export const engine = inject("engine");
export const full = inject("size") === "full";

/** A page's bundler must see what it is to pack; in Node, useBackend loads the engine by itself. */
const inPages = import.meta.glob("../../src/backends/{wasm,webgl,webgpu}.ts");
const wasmPaths = "/node_modules/@tensorflow/tfjs-backend-wasm/dist/";

/**
 * The program that multiplies large matrices on webgpu. The one that TensorFlow.js picks for small ones is right as well
 * (operations.test.ts leaves the choice to it), but in software it makes a second of a U-Net's step ten.
 */
const PACKED = 3;

/** Of a list of cases, a few from all over it, unless everything is to run. */
export function sample<T>(cases: readonly T[], count: number): readonly T[] {
  if (full || count >= cases.length) return cases;
  return Array.from({ length: count }, (_, i) => cases[Math.floor(((i + 0.5) * cases.length) / count)]!);
}

export async function start(): Promise<BackendReport> {
  if (typeof window === "undefined") return useBackend(engine);
  await inPages[`../../src/backends/${engine}.ts`]?.();
  return useBackend(engine, engine === "wasm" ? { wasmPaths } : {});
}

/** See PACKED: for tests of more than single operations. */
async function startSwiftly(): Promise<void> {
  const { device = "" } = await start();
  if (engine === "webgpu" && /swiftshader/i.test(device)) tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", PACKED);
}

/** Runs a file's tests on the project's engine, and fails each that leaves a tensor behind. */
export function onEngine(): void {
  beforeAll(startSwiftly);
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, "tensors left behind").toBe(before);
  });
}
