import { execFile } from "node:child_process";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "cfd-distill";
import { physicalCores } from "../../src/backends/wasm/threads/cores.js";
import type { WasmBackend } from "../../src/backends/wasm/memory/heap.js";
import { run, threadsOf } from "../../src/backends/wasm/threads/jobs.js";
import { PAGE, sharedMaximum, withMemory } from "../../src/backends/wasm/memory/limits.js";

const backend = () => tf.backend() as unknown as WasmBackend;

/** The other threads that were started, by way of Node's own constructor. */
const started: Worker[] = [];
const threads = createRequire(import.meta.url)("node:worker_threads") as { Worker: typeof Worker };
const Original = threads.Worker;

beforeAll(() => {
  threads.Worker = class extends Original {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      started.push(this);
    }
  };
  syncBuiltinESMExports();
});
afterAll(() => {
  threads.Worker = Original;
  syncBuiltinESMExports();
});
afterEach(() => vi.restoreAllMocks());

/** A convolution, its gradients, and products: numbers that depend on every thread. */
function compute(): Promise<Float32Array[]> {
  const [x, w] = [
    tf.randomUniform([1, 16, 16, 16], -1, 1, "float32", 3),
    tf.randomUniform([3, 3, 16, 16], -1, 1, "float32", 4),
  ];
  const loss = (a: tf.Tensor, b: tf.Tensor) => {
    const y = tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, "same");
    return tf.sum<tf.Scalar>(tf.square(tf.matMul(tf.reshape(y, [-1, 16]), tf.reshape(y, [-1, 16]), true)));
  };
  const { value, grads } = tf.valueAndGrads(loss)([x, w]);
  const results = [value, ...grads];
  const numbers = Promise.all(results.map((tensor) => tensor.data<"float32">()));
  tf.dispose([x, w, results]);
  return numbers;
}

const dead = /^wasm: expected its threads to compute, got none: thread 2 of 2 ended/;

/** As many starts of a thread: three seconds, and some twenty where other programs keep the cores busy. */
const ROUNDS = 40;

/** Ends a thread so long after it was given its next job but so many. */
function killLater(victim: Worker, { jobs, microseconds }: { jobs: number; microseconds: number }): void {
  const { notify } = Atomics;
  let left = jobs;
  vi.spyOn(Atomics, "notify").mockImplementation((...given) => {
    const woken = notify(...given);
    if (left-- === 0) {
      const end = performance.now() + microseconds / 1000;
      while (performance.now() < end);
      void victim.terminate();
    }
    return woken;
  });
}

/** What is said when a kernel of another thread throws. */
async function failureOfThread(): Promise<string> {
  for (;;) {
    await useBackend("wasm", { threads: 2 });
    const panel = 8 * 4; // bytes of a unit
    const end = backend().wasm.HEAPU8.length;
    try {
      // The calling thread begins with the first unit; the other one, if it comes in time, with that beyond the memory.
      run(backend(), "packMatrices", { units: 2, work: 2 ** 20 }, 0, end - panel, 1, 16);
    } catch (error) {
      const { message } = error as Error;
      if (message.startsWith("wasm:")) return message;
    }
  }
}

const wrong = ["2", 0, 65, 1.5, NaN, -1].map((threads) => [threads]);
describe("useBackend", () => {
  it.each(wrong)("refuses %s threads", async (count) => {
    await expect(useBackend("wasm", { threads: count as number })).rejects.toThrow(
      `useBackend: expected threads to be a whole number from 1 to 64, got ${count}.`,
    );
  });

  it("takes every core, and says so", async () => {
    const report = await useBackend("wasm");
    expect(report.threads).toBe(await physicalCores());
    expect(report.threads).toBeLessThanOrEqual(availableParallelism());
    expect(report.threadsLimit).toBeUndefined();
  });

  it("ends the threads of before, and all of them when another engine is chosen or wasm is removed", async () => {
    const ended = () =>
      Promise.all(started.splice(0).map((worker) => new Promise((done) => worker.once("exit", done))));
    await useBackend("wasm", { threads: 1 });
    started.length = 0;
    await useBackend("wasm", { threads: 3 });
    expect(started).toHaveLength(2);
    await useBackend("wasm", { threads: 3 });
    expect(started).toHaveLength(2);
    expect(threadsOf(backend())?.count).toBe(3);
    started.length = 0;
    await useBackend("wasm", { threads: 2 });
    expect(started).toHaveLength(1);
    const first = ended();
    await useBackend("cpu");
    await first;
    await useBackend("wasm", { threads: 2 });
    const second = ended();
    tf.removeBackend("wasm");
    await second;
    expect((await useBackend("wasm", { threads: 2 })).threads).toBe(2);
  });
});

describe("a memory that cannot be shared", () => {
  const isolated = (value: boolean) =>
    Object.defineProperty(globalThis, "crossOriginIsolated", { value, configurable: true });
  afterEach(() => {
    Reflect.deleteProperty(globalThis, "crossOriginIsolated");
    if ("wasm" in tf.engine().registry) tf.removeBackend("wasm");
  });

  it("leaves one thread, and the report says why", async () => {
    tf.removeBackend("wasm");
    isolated(false);
    const report = await useBackend("wasm", { threads: 4 });
    expect(report.threads).toBe(1);
    expect(report.threadsLimit).toMatch(/^the page is not cross-origin isolated/);
    expect(report.build).toBeDefined();
    await expect(useBackend("wasm", { threads: 4, strict: true })).rejects.toThrow(
      /useBackend: expected 4 threads on wasm, got 1, because the page is not cross-origin isolated/,
    );
    expect(tf.getBackend()).toBe("wasm");
  });

  it("is asked for with less than 4 GiB where that is refused", () => {
    const { Memory } = WebAssembly;
    const upTo = (pages: number) =>
      vi.spyOn(WebAssembly, "Memory").mockImplementation(function (given: WebAssembly.MemoryDescriptor) {
        if (given.maximum! > pages) throw new RangeError("could not allocate memory");
        return new Memory(given);
      });
    expect(sharedMaximum()).toBe(65536);
    upTo(20000);
    expect(sharedMaximum()).toBe(16384);
    upTo(100);
    expect(sharedMaximum()).toBe(`no memory of ${8192 * PAGE} bytes can be shared here`);
  });
});

describe("withMemory", () => {
  // (module (memory 1 65536)), and one that imports such a memory as "a" "b".
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const own = Uint8Array.from([...head, 5, 6, 1, 1, 1, 0x80, 0x80, 4]);
  const imports = Uint8Array.from([...head, 2, 11, 1, 1, 0x61, 1, 0x62, 2, 1, 1, 0x80, 0x80, 4]);

  it.each([
    ["makes", own],
    ["imports", imports],
  ])("changes the limits of the memory that a module %s", (_, module) => {
    const bytes = withMemory(module, { shared: true, maximum: 16384 });
    const expected = [...module];
    expected[expected.length - 5] = 3;
    expected[expected.length - 1] = 1;
    expect([...bytes]).toEqual(expected);
    expect(WebAssembly.validate(bytes)).toBe(true);
    expect(withMemory(bytes, { shared: false, maximum: 65536 })).toEqual(module);
  });

  it("refuses a module without one", () => {
    expect(() => withMemory(Uint8Array.from(head), { shared: true, maximum: 1 })).toThrow(
      "wasm: expected a module with a memory that has a maximum, got none.",
    );
  });
});

describe("the engine's memory", () => {
  it("ends at 4 GiB, with an error that says so", async () => {
    await useBackend("wasm");
    expect(() => backend().makeOutput([2 ** 30], "float32")).toThrow(
      /wasm: expected 4294967296 bytes more within its memory of at most 4 GiB/,
    );
  });
});

describe("threads", () => {
  it("sleep when there is nothing to do", async () => {
    await useBackend("wasm", { threads: 3 });
    await compute();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(100); // of 1000 ms, with what vitest does meanwhile
  });

  it("let Node end by itself", async () => {
    const program = `
      import { useBackend } from "./src/index.ts";
      import * as tf from "@tensorflow/tfjs";
      const { threads } = await useBackend("wasm", { threads: 3 });
      const x = tf.ones([2, 16, 16, 16]);
      console.log(threads, (await tf.conv2d(x, tf.ones([3, 3, 16, 16]), 1, "same").data()).length);
    `;
    const node = [...["--import", "tsx", "--input-type=module"], "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: 30_000 });
    expect(stdout).toContain("3 8192");
  });

  it("that are killed at a random moment end the call in an error that names them, and never in a wrong number", async () => {
    await useBackend("wasm", { threads: 1 });
    const expected = await compute();
    let errors = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await useBackend("wasm", { threads: 2 });
      killLater(started.at(-1)!, { jobs: round % 8, microseconds: (round * 37) % 400 });
      const exit = new Promise((resolve) => started.at(-1)!.once("exit", resolve));
      try {
        for (let i = 0; i < 3; i++) expect(await compute()).toEqual(expected);
        await exit;
        await compute();
        throw new Error("it was not killed");
      } catch (error) {
        errors++;
        expect((error as Error).message).toMatch(dead);
        expect(() => tf.tidy(() => tf.matMul(tf.ones([256, 256]), tf.ones([256, 256])))).toThrow(dead);
      }
      vi.restoreAllMocks();
    }
    expect(errors).toBe(ROUNDS);
    await useBackend("wasm", { threads: 2 });
    expect(await compute()).toEqual(expected);
  }, 180_000);

  it("whose kernel throws say which, and what", async () => {
    const text = await failureOfThread();
    expect(text).toMatch(
      /^wasm: .* thread 2 of 2 failed in packMatrices: RuntimeError: memory access out of bounds; useBackend/,
    );
    expect(() => tf.tidy(() => tf.matMul(tf.ones([256, 256]), tf.ones([256, 256])))).toThrow(
      /thread 2 of 2 failed/,
    );
    await useBackend("wasm", { threads: 2 });
    expect((await compute()).every((values) => values.every(Number.isFinite))).toBe(true);
  });
});
