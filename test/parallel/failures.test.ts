import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { connectReplicas, disposeParams, serveReplica, useBackend, type Params } from "../../src/index.js";
import { startWorkers, type ThreadWorker } from "../../src/node.js";
import { tasks, type Input, type Setup } from "./tasks.js";

const module = new URL("./replica.mjs", import.meta.url);
const setup: Setup = { engine: "cpu", task: "classifier" };
let params: Params;
let before = 0;
let workers: ThreadWorker[]; // four, of which each test may end one

beforeAll(async () => {
  workers = startWorkers(module, 4);
  await useBackend("cpu");
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
});
beforeEach(() => {
  before = tf.memory().numTensors;
  params = tasks.classifier.init();
});
afterEach(() => {
  disposeParams(params);
  expect(tf.memory().numTensors, "tensors left behind").toBe(before);
});

const connect = (second: number, values: Partial<Setup> = {}) =>
  connectReplicas<Input>([workers[0]!, workers[second]!], { ...setup, ...values });
const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("it resolved"),
    (error: unknown) => error as Error,
  );

describe("a failing worker ends the call with its name and its error", () => {
  it("at the start, and leaves the workers to others", async () => {
    const error = await failureOf(connect(1, { fail: "throw" }));
    expect(error.message).toBe("connectReplicas: expected worker 2 of 2 to start, got: no networks today");
    expect(error.cause).toMatchObject({ message: "no networks today" });
    const noEngine = connectReplicas([workers[1]!], { ...setup, engine: "none" });
    await expect(noEngine).rejects.toThrow(
      /worker 1 of 1 to start, got: useBackend: expected one of cpu, wasm/,
    );
    const replicas = await connect(1);
    await replicas.outputs(params, { seed: 1 }, 2).then(tf.dispose);
    await replicas.close();
  });

  it("in a step, and the group stays unusable", async () => {
    const replicas = await connect(1);
    const thrown = await failureOf(replicas.valueAndGrads(params, { seed: 1, fail: "throw" }, 2));
    expect(thrown.message).toBe(
      "Replicas.valueAndGrads: expected worker 2 of 2 to compute its share, got: this share is cursed",
    );
    expect(thrown.cause).toBeInstanceOf(TypeError);
    const after = await failureOf(replicas.outputs(params, { seed: 1 }, 2));
    expect(after.message).toContain("a group whose workers are well");
    expect(after.message).toContain("this share is cursed");
    expect(after.cause).toBe(thrown);
    await replicas.close();
  });

  it.each([
    ["outputs", { fail: "rows" }, /worker . of 2 .* got: serveReplica: expected outputs of 1 rows/],
    ["valueAndGrads", { fail: "terms" }, /every worker to report the terms loss, largest/],
    ["outputs", { fail: () => 1 }, /worker 1 of 2 to compute its share, got: .*could not be cloned/],
  ] as const)(
    "by a wrong answer, or an input that cannot be sent: %s with %o",
    async (call, wrong, message) => {
      const replicas = await connect(1);
      await expect(replicas[call](params, { seed: 1, ...wrong } as Input, 2)).rejects.toThrow(message);
      await replicas.close();
    },
  );

  it("by exiting in a step, or at the start", async () => {
    const replicas = await connect(1);
    const error = await failureOf(replicas.valueAndGrads(params, { seed: 1, fail: "exit" }, 2));
    expect(error.message).toContain(
      "expected worker 2 of 2 to compute its share, got: it exited with code 3",
    );
    await expect(replicas.outputs(params, { seed: 1 }, 2)).rejects.toThrow("it exited with code 3");
    await replicas.close();
    await expect(connect(1)).rejects.toThrow("worker 2 of 2 to start, got: it exited with code 3");
    await expect(connect(2, { fail: "exit" })).rejects.toThrow(
      "worker 2 of 2 to start, got: it exited with code 7",
    );
  });

  it("by being terminated; close ends a call too", async () => {
    const replicas = await connect(3);
    const endless = failureOf(replicas.valueAndGrads(params, { seed: 1, fail: "spin" }, 2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await replicas.close(); // which does not wait for the worker that spins
    expect((await endless).message).toContain("expected a group that is open, got close()");

    const other = failureOf(connect(3)); // the worker still spins
    await workers[3]!.terminate();
    expect((await other).message).toContain("worker 2 of 2 to start, got: it exited with code 1");
  });

  it("by a module that is not there, cannot run, or does not serve", async () => {
    const missing = startWorkers(new URL("./no-such-file.mjs", import.meta.url), 1);
    await new Promise((resolve) => setTimeout(resolve, 100)); // it ends before anybody asks
    await expect(connectReplicas(missing)).rejects.toThrow(/worker 1 of 1 to start, got: Cannot find module/);
    const evaluated = (code: string) => connectReplicas([new Worker(code, { eval: true })]);
    await expect(evaluated("throw new Error('bad day')")).rejects.toThrow(
      "worker 1 of 1 to start, got: bad day",
    );
    await expect(evaluated("1 + 1")).rejects.toThrow("worker 1 of 1 to start, got: it exited with code 0");
    const late = new Worker("1 + 1", { eval: true });
    await new Promise((resolve) => late.once("exit", resolve));
    await expect(connectReplicas([late])).rejects.toThrow("worker 1 of 1 to start, got: it had ended before");
  });

  it("by weights unlike the first worker's", async () => {
    const [port, other] = twoEnds();
    serveReplica(other, () => ({ params: {} }));
    await expect(connectReplicas([workers[0]!, port], setup)).rejects.toThrow(/worker 2 to have the weights of worker 1, got no "/); // prettier-ignore
    port.close();
  });
});

function twoEnds() {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2] as const;
}

describe("in a page", () => {
  it("events come to addEventListener, and a script that does not load is an event without a message", async () => {
    const target = Object.assign(new EventTarget(), { postMessage: vi.fn() });
    const connected = connectReplicas([target]);
    target.dispatchEvent(new Event("error"));
    await expect(connected).rejects.toThrow(
      "worker 1 of 1 to start, got: its script could not be loaded or failed",
    );
  });

  it("nothing is sent before the worker listens, as it would be lost", async () => {
    const postMessage = vi.fn();
    const target = Object.assign(new EventTarget(), { postMessage });
    const connected = connectReplicas([target]);
    const sent = () => postMessage.mock.calls.map(([message]: { type: string }[]) => message!.type);
    expect(sent()).toEqual(["hello"]);
    const ready = { mark: "cfd-distill", type: "ready" };
    target.dispatchEvent(Object.assign(new Event("message"), { data: "anything else" }));
    expect(sent()).toEqual(["hello"]);
    target.dispatchEvent(Object.assign(new Event("message"), { data: ready }));
    expect(sent()).toEqual(["hello", "request"]);
    target.dispatchEvent(Object.assign(new Event("error"), { message: "Uncaught Error: x" }));
    await expect(connected).rejects.toThrow("got: Uncaught Error: x");
  });

  it("without shared memory the error names the headers", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    try {
      await expect(connectReplicas([twoEnds()[0]])).rejects.toThrow(
        /Cross-Origin-Opener-Policy: same-origin/,
      );
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

it("refuses what is no worker, none, and one twice", async () => {
  await expect(connectReplicas([])).rejects.toThrow(
    "connectReplicas: expected at least one worker, got none.",
  );
  await expect(connectReplicas([{} as never])).rejects.toThrow("connectReplicas: expected workers, got {}.");
  const [port] = twoEnds();
  await expect(connectReplicas([port, port])).rejects.toThrow("every worker once");
  expect(() => { serveReplica(null, () => ({ params: {} })); }).toThrow("serveReplica: expected a worker's port to the main thread, got null."); // prettier-ignore
});

it("a program with idle workers ends, and one that waits for them does not end early", async () => {
  const program = fileURLToPath(new URL("./program.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program]);
  expect(stdout).toBe("connected 1, then ended\n");
});
