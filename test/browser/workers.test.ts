import "cfd-distill/backends/wasm";
import { afterEach, describe, expect, it } from "vitest";
import { useBackend } from "cfd-distill";
import type { Answer, Question } from "./engine-in-worker.js";
import { wasmPaths } from "./wasm-paths.js";

// Web Workers in a cross-origin isolated page, where TensorFlow.js would start its threaded build of wasm.

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

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
