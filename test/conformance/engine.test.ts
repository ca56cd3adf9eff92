import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { engine, full, onEngine, start } from "./engine.js";

onEngine();

declare module "vitest" {
  interface TaskMeta {
    /** What computed the tests of this project, for the table in docs/engines.md. */
    device?: string;
  }
}

const place = () => (typeof window === "undefined" ? `Node ${process.versions.node}` : navigator.userAgent);

it("is the engine that was asked for, and computes on it", async ({ task }) => {
  const { name, version, device, build, tfjs } = await start();
  expect(name).toBe(engine);
  expect(tfjs).toBe(tf.version_core);
  const sum = tf.add([1, 2], [3, 4]);
  expect(await sum.data()).toEqual(Float32Array.of(4, 6));
  sum.dispose();
  const size = full ? undefined : "reduced shapes";
  const words = [`version ${version}`, device, build && `${build} SIMD`, place(), size];
  task.meta.device = words.filter(Boolean).join("; ");
});
