import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterEach, describe, expect, it } from "vitest";
import { connectReplicas, disposeParams, splitBatch, useBackend, valueAndGrads } from "cfd-distill";
import { tasks, type Input } from "../parallel/tasks.js";
import type { Answer, Question } from "./engine-in-worker.js";
import { wasmPaths } from "./wasm-paths.js";

// Web Workers in a cross-origin isolated page, where TensorFlow.js would start its threaded build of wasm.

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

function startReplicas(count: number): Worker[] {
  const started = Array.from(
    { length: count },
    () => new Worker(new URL("./replica.ts", import.meta.url), { type: "module" }),
  );
  workers.push(...started);
  return started;
}

/** Has a new worker start an engine. */
function ask(question: Question): Promise<Answer> {
  const worker = new Worker(new URL("./engine-in-worker.ts", import.meta.url), { type: "module" });
  workers.push(worker);
  return new Promise((resolve, reject) => {
    worker.addEventListener("error", reject);
    worker.addEventListener("message", ({ data }: MessageEvent<Answer | "ready">) => {
      if (data === "ready") worker.postMessage(question);
      else resolve(data);
    });
  });
}

describe("this library's wasm kernels in a cross-origin isolated page", () => {
  it("run in the page", async () => {
    expect(crossOriginIsolated).toBe(true);
    const { build } = await useBackend("wasm", { wasmPaths });
    expect(["plain", "relaxed"]).toContain(build);
  });

  it("run in a worker", async () => {
    const { report, values } = await ask({ engine: "wasm" });
    expect(["plain", "relaxed"]).toContain(report?.build);
    expect(values).toEqual([3, 3]);
  });
});

it("works as well, on the engine's own kernels, where somebody has started the threaded build before", async () => {
  const { report, values } = await ask({ engine: "wasm", already: true });
  expect(report).toMatchObject({ name: "wasm" });
  expect(report?.build).toBeUndefined();
  expect(values).toEqual([3, 3]);
});

describe("a worker", () => {
  it.each(["webgl", "webgpu"] as const)("computes on %s", async (engine) => {
    const { report, values, error } = await ask({ engine });
    expect(error).toBeUndefined();
    expect(report?.name).toBe(engine);
    expect(values).toEqual([3, 3]);
  });

  it("without OffscreenCanvas says that webgl needs it", async () => {
    const { error } = await ask({ engine: "webgl", hide: "OffscreenCanvas" });
    expect(error).toMatch(
      /^Error: useBackend: expected a page, or a worker that has OffscreenCanvas, .* got neither/,
    );
  });

  it("without WebGPU says what it needs", async () => {
    const { error } = await ask({ engine: "webgpu", hide: "gpu" });
    expect(error).toMatch(/^Error: useBackend: expected navigator\.gpu\. A page has it in a secure context/);
  });
});

describe("replicas in two Web Workers", () => {
  const { init, terms: termsOf } = tasks.diffusion;
  const batch = 3;
  const read = async (tensors: Readonly<Record<string, tf.Tensor>>) =>
    Promise.all(Object.values(tensors).map(async (x) => Array.from(await x.data())));

  it("train and sample as one thread does", async () => {
    await useBackend("wasm", { wasmPaths });
    const before = tf.memory().numTensors;
    const params = init();
    const replicas = await connectReplicas<Input>(startReplicas(2));
    const [first, second] = [
      await replicas.valueAndGrads(params, { seed: 5 }, batch),
      await replicas.valueAndGrads(params, { seed: 5 }, batch),
    ];
    const [whole] = splitBatch(batch, 1);
    const alone = valueAndGrads(() => termsOf(params, { seed: 5 }, whole!), params);
    const [expected, actual] = [await read(alone.grads), await read(first.grads)];
    const scale = Math.max(...expected.flat().map(Math.abs));
    expected.forEach((grad, i) => {
      grad.forEach((value, k) => {
        expect(Math.abs(actual[i]![k]! - value)).toBeLessThan(1e-5 * scale);
      });
    });
    expect(await read(first.terms)).toEqual(await read(second.terms));
    expect(actual).toEqual(await read(second.grads));
    const images = await replicas.outputs(params, { seed: 5 }, batch);
    expect(images.shape).toEqual([batch, 8, 8, 3]);
    const bad = replicas.valueAndGrads(params, { seed: 5, fail: "throw" }, batch);
    await expect(bad).rejects.toThrow(
      /expected worker 2 of 2 to compute its share, got: this share is cursed/,
    );
    await replicas.close();
    for (const { terms, grads } of [first, second, alone]) tf.dispose([terms, grads]);
    images.dispose();
    disposeParams(params);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("name a worker whose script is not there", async () => {
    const nothing = new Worker("/no/such/replica.js", { type: "module" });
    workers.push(nothing);
    await expect(connectReplicas([nothing])).rejects.toThrow(
      /connectReplicas: expected worker 1 of 1 to start, got: its script could not be loaded or failed/,
    );
  });
});
