import * as tf from "@tensorflow/tfjs";
import "cfd-distill/backends/wasm";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { registerEngine, type Engine } from "../../src/backends/engine.js";
import { backendReport, useBackend, type BackendName } from "../../src/index.js";

// What happens to engines at the same time: each call finds its own.

vi.mock("../../src/doctor/probes/index.js", async (original) => {
  const { probes } = await original<{ probes: readonly object[] }>();
  return { probes: probes.slice(-2) };
});

/** A made-up engine in the place of one that this file does not start. */
const plain: Engine = { name: "webgpu", version: "1", cures: () => [] };
let fake: { -readonly [K in keyof Engine]: Engine[K] };
class Nothing extends tf.KernelBackend {
  override dispose(): void {
    // has nothing
  }
}
tf.registerBackend("webgpu", () => new Nothing());

const reason = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error as Error).message,
  );

beforeAll(() => useBackend("cpu"));
beforeEach(() => {
  fake = { ...plain };
  registerEngine(fake);
});
afterEach(async () => {
  vi.useRealTimers();
  await useBackend("cpu");
});

describe("two calls at once", () => {
  it.each([
    ["cpu", "wasm"],
    ["wasm", "cpu"],
    ["wasm", "wasm"],
  ] as [BackendName, BackendName][])(
    "of %s and %s each resolve with their own engine running",
    async (...names) => {
      const seen = await Promise.all(
        names.map((name) => useBackend(name).then((report) => [report.name, tf.getBackend()])),
      );
      expect(seen).toEqual(names.map((name) => [name, name]));
      expect(tf.getBackend()).toBe(names[1]);
    },
  );

  it("do not hinder each other where the first fails", async () => {
    fake.prepare = () => {
      throw new Error("no such card");
    };
    const results = [
      reason(useBackend("webgpu")),
      reason(useBackend("vulkan" as BackendName)),
      useBackend("wasm", { threads: 1 }).then(({ name, threads }) => [name, threads, tf.getBackend()]),
    ];
    expect(await Promise.all(results)).toEqual([
      "no such card",
      expect.stringMatching(/^useBackend: expected one of cpu, wasm/),
      ["wasm", 1, "wasm"],
    ]);
  });

  it("of wasm leave as many threads as the second asked for", async () => {
    const reports = await Promise.all([
      useBackend("wasm", { threads: 2 }),
      useBackend("wasm", { threads: 3 }),
    ]);
    expect(reports.map(({ threads }) => threads)).toEqual([2, 3]);
    expect((await useBackend("wasm", { threads: 3 })).threads).toBe(3);
    await useBackend("wasm", { threads: 1 });
  });

  it("give a start up that hangs, after a minute and only if another waits", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    fake.prepare = () => new Promise<void>(() => undefined);
    const hanging = reason(useBackend("webgpu"));
    await vi.advanceTimersByTimeAsync(100_000);
    const next = useBackend("wasm", { threads: 1 });
    expect((await next).name).toBe("wasm");
    expect(await hanging).toBe(
      "useBackend: expected webgpu to start, got nothing in time: another call of useBackend, which waited for this one, took its place.",
    );
    expect(tf.getBackend()).toBe("wasm");
  });

  it("leave the second's engine where the first one comes late", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let come: () => void = () => undefined;
    fake.prepare = () => new Promise<void>((resolve) => (come = resolve));
    const hanging = reason(useBackend("webgpu"));
    const next = useBackend("wasm", { threads: 1 });
    await vi.advanceTimersByTimeAsync(59_000);
    expect(tf.getBackend()).toBe("cpu"); // a slow line
    await vi.advanceTimersByTimeAsync(2_000);
    await next;
    come();
    expect(await hanging).toMatch(/^useBackend: expected webgpu to start, got nothing in time/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(tf.getBackend()).toBe("wasm");
  });
});

describe("a start that does not end as it should", () => {
  it("leaves the former engine where the cures throw", async () => {
    fake.cures = () => [
      {
        kernel: "Add",
        why: "it is wrong",
        build: () => {
          throw new Error("no cure");
        },
      },
    ];
    await expect(useBackend("webgpu")).rejects.toThrow("no cure");
    expect(tf.getBackend()).toBe("cpu");
    expect(await tf.add(1, 2).data()).toEqual(Float32Array.of(3));
  });

  it("is an error where the engine is removed meanwhile", async () => {
    fake.cures = () => {
      tf.removeBackend("webgpu");
      return [];
    };
    await expect(useBackend("webgpu")).rejects.toThrow(
      /^useBackend: expected webgpu to run once it has started, got none\.$/,
    );
    expect(tf.getBackend()).toBe("cpu");
  });

  it("is an error where another engine is set meanwhile", async () => {
    fake.startThreads = async () => {
      await tf.setBackend("cpu");
    };
    await expect(useBackend("webgpu")).rejects.toThrow(
      "useBackend: expected webgpu to run once it has started, got cpu.",
    );
    expect(tf.getBackend()).toBe("cpu");
  });

  it("refuses an option that nobody reads", async () => {
    await expect(useBackend("wasm", { thread: 2 } as object)).rejects.toThrow(
      "useBackend: expected option threads, got thread.",
    );
  });
});

it("the doctor waits for a start, and a start for the doctor", async () => {
  await useBackend("webgpu");
  const order: string[] = [];
  const start = useBackend("wasm", { threads: 1 }).then(({ name }) => order.push(name));
  const report = backendReport().then(({ engine }) => order.push(`doctor of ${engine.name}`));
  const back = useBackend("cpu").then(({ name }) => order.push(name));
  await Promise.all([start, report, back]);
  expect(order).toEqual(["wasm", "doctor of wasm", "cpu"]);
});
