import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterEach, describe, expect, it, vi } from "vitest";
import { useBackend } from "cfd-distill";
import { physicalCores } from "../../src/backends/wasm/threads/cores.js";
import { countThreads, runningThreads } from "./count-threads.js";
import type { Answer, Question } from "./thread-worker.js";
import { operations, training, type Numbers } from "./threaded-work.js";
import { wasmPaths } from "./wasm-paths.js";

// All cores in a cross-origin isolated page: on its main thread, and in a worker that starts threads of its own.

countThreads();
const start = (threads?: number) =>
  useBackend("wasm", { wasmPaths, ...(threads === undefined ? {} : { threads }) });
/** Expects so many threads to run soon: a browser gives those two seconds that do not end by themselves. */
const expectThreads = (count: number, timeout = 1500) =>
  vi.waitFor(
    async () => {
      expect(await runningThreads()).toBe(count);
    },
    { timeout },
  );

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** Has a new worker compute. */
function ask(question: Question): Promise<Answer> {
  const worker = new Worker(new URL("./thread-worker.ts", import.meta.url), { type: "module" });
  workers.push(worker);
  return new Promise((resolve, reject) => {
    worker.addEventListener("error", reject);
    worker.addEventListener("message", ({ data }: MessageEvent<Answer | "ready">) => {
      if (data === "ready") worker.postMessage(question);
      else resolve(data);
    });
  });
}

/** Expects numbers to be those of a plain engine, which rounds differently. */
function expectClose(actual: Numbers, expected: Numbers): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    const scale = Math.max(...values.map(Math.abs));
    const far = Math.max(...values.map((value, i) => Math.abs(value - actual[name]![i]!)));
    expect(far / scale, name).toBeLessThan(5e-6);
  }
}

describe("the main thread", () => {
  it("computes on all cores, and rightly", async () => {
    expect(crossOriginIsolated).toBe(true);
    await useBackend("cpu");
    const expected = await operations();
    const report = await start();
    expect(report.threads).toBe(await physicalCores());
    expect(report.threadsLimit).toBeUndefined();
    expectClose(await operations(), expected);
  });

  it("computes the same bits in 1, 2 and 3 threads", async () => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      expect(await start(threads)).toMatchObject({ threads });
      results.push({ ...(await operations()), ...(await training()) });
    }
    const [alone, ...others] = results;
    expect(alone!.losses!.every(Number.isFinite)).toBe(true);
    for (const other of others) expect(other).toEqual(alone);
  });

  it("is free while nothing is computed", async () => {
    await start(2);
    await training();
    const gaps: number[] = [];
    for (let i = 0, before = performance.now(); i < 50; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gaps.push(performance.now() - before);
      before = performance.now();
    }
    expect(gaps.sort((a, b) => a - b)[45]).toBeLessThan(50); // single ones are the machine's
  });

  it("ends the threads when another engine is chosen, when there are to be fewer, and when wasm is removed", async () => {
    await start(3);
    await expectThreads(2);
    await start(2);
    await expectThreads(1);
    await useBackend("cpu");
    await expectThreads(0);
    const bits = await (await start(2), training());
    await expectThreads(1);
    tf.removeBackend("wasm");
    await expectThreads(0);
    expect(await start(2)).toMatchObject({ threads: 2 });
    expect(await training()).toEqual(bits);
    await useBackend("cpu");
    await expectThreads(0);
  });
});

describe("a worker", () => {
  it("computes on all cores the bits of the main thread, and every operation rightly", async () => {
    await start(1);
    const expected = { operations: await operations(), training: await training() };
    const { report, broken, ...bits } = await ask({ probe: true });
    expect(report.threads).toBe(await physicalCores());
    expect(report.threadsLimit).toBeUndefined();
    expect(broken).toEqual([]);
    expect(bits).toEqual(expected);
  });

  it("takes its threads along when the page ends it", async () => {
    await ask({ threads: 3 });
    await expectThreads(2);
    workers.pop()!.terminate();
    await expectThreads(0, 10_000);
  });

  it("that is not isolated computes the same in one thread, and says why", async () => {
    await start(2);
    const { report, operations: numbers } = await ask({ threads: 2, hideIsolation: true });
    expect(report).toMatchObject({ threads: 1 });
    expect(report.threadsLimit).toMatch(/^the page is not cross-origin isolated/);
    expect(report.build).toBeDefined();
    expect(numbers).toEqual(await operations());
    expect(await runningThreads()).toBe(1); // the page's
  });
});
