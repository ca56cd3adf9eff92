import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  connectReplicas,
  disposeParams,
  splitBatch,
  useBackend,
  valueAndGrads,
  type LossTerms,
  type Params,
  type Replicas,
} from "../../src/index.js";
import { startWorkers, type ThreadWorker } from "../../src/node.js";
import { tasks, type Input, type Setup } from "./tasks.js";

const module = new URL("./replica.mjs", import.meta.url);
const whole = (batch: number) => splitBatch(batch, 1)[0]!;
let workers: ThreadWorker[];
let before = 0;

beforeAll(() => {
  workers = startWorkers(module, 3);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
});

const values = async (tensors: Readonly<Record<string, tf.Tensor>>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(tensors).map(async ([name, x]) => [name, Array.from(Float32Array.from(await x.data()))]),
    ),
  ) as Record<string, number[]>;

const connect = (count: number, setup: Partial<Setup> = {}) =>
  connectReplicas<Input>(workers.slice(0, count), { engine: "wasm", task: "diffusion", ...setup });

/** Terms and gradients as numbers. */
async function step(replicas: Replicas<Input>, params: Params, batch: number, seed = 5) {
  const { terms, grads } = await replicas.valueAndGrads(params, { seed }, batch);
  const read = { terms: await values(terms), grads: await values(grads) };
  tf.dispose([terms, grads]);
  return read;
}

/** max |a - b| / max |a|, over each entry. */
function largestDifference(a: Record<string, number[]>, b: Record<string, number[]>): number {
  expect(Object.keys(b).sort()).toEqual(Object.keys(a).sort());
  const each = Object.entries(a).map(([name, left]) => {
    const scale = Math.max(...left.map(Math.abs), 1e-3);
    return Math.max(...left.map((v, i) => Math.abs(v - b[name]![i]!))) / scale;
  });
  return Math.max(...each);
}

/** What the parts of the batch's means add up to, computed here. */
async function byHand(params: Params, count: number, batch: number, task: keyof typeof tasks) {
  const sum: { terms: Record<string, number[]>; grads: Record<string, number[]> } = { terms: {}, grads: {} };
  for (const share of splitBatch(batch, count)) {
    const part = (share.end - share.start) / batch;
    const scaled = () => {
      const terms = tasks[task].terms(params, { seed: 5 }, share);
      return Object.fromEntries(
        Object.entries(terms).map(([name, x]) => [name, tf.mul(x, part)]),
      ) as LossTerms;
    };
    const one = valueAndGrads(scaled, params);
    for (const kind of ["terms", "grads"] as const) {
      for (const [name, numbers] of Object.entries(await values(one[kind]))) {
        sum[kind][name] = numbers.map((v, i) => Math.fround((sum[kind][name]?.[i] ?? 0) + v));
      }
    }
    tf.dispose([one.terms, one.grads]);
  }
  return sum;
}

beforeEach(() => {
  before = tf.memory().numTensors;
});
afterEach(() => {
  expect(tf.memory().numTensors, "tensors left behind").toBe(before);
});

describe("replicas on wasm", () => {
  beforeAll(async () => {
    await useBackend("wasm");
  });

  it("give one thread's gradients: alone to the bit, together within rounding, the same each time", async () => {
    const params = tasks.diffusion.init();
    const { grads, terms } = valueAndGrads(
      () => tasks.diffusion.terms(params, { seed: 5 }, whole(5)),
      params,
    );
    const single = { grads: await values(grads), terms: await values(terms) };
    tf.dispose([grads, terms]);
    for (const count of [1, 2, 3]) {
      const replicas = await connect(count);
      expect(replicas.count).toBe(count);
      const together = await step(replicas, params, 5); // shares of 5; of 3 and 2; of 2, 2 and 1
      expect(await step(replicas, params, 5)).toEqual(together);
      if (count === 1) expect(together).toEqual(single);
      expect(largestDifference(single.grads, together.grads)).toBeLessThan(1e-5);
      expect(largestDifference(single.terms, together.terms)).toBeLessThan(1e-6);
      expect(await byHand(params, count, 5, "diffusion")).toEqual(together);
      expect(Object.keys(together.grads)).toEqual(Object.keys(single.grads)); // clipping adds them up in this order
      await replicas.close();
    }
    disposeParams(params);
  });

  it("leave the workers without a share in peace", async () => {
    const params = tasks.classifier.init();
    const replicas = await connect(3, { task: "classifier" });
    const single = valueAndGrads(() => tasks.classifier.terms(params, { seed: 5 }, whole(1)), params);
    // The last worker would throw.
    const same = await replicas.valueAndGrads(params, { seed: 5, fail: "throw" }, 1);
    expect(await values(same.grads)).toEqual(await values(single.grads));
    tf.dispose([single.terms, single.grads, same.terms, same.grads]);
    await replicas.close();
    disposeParams(params);
  });

  it("set the running statistics to the first worker's, and use those that they are given", async () => {
    const [params, alone] = [tasks.classifier.init(), tasks.classifier.init()];
    const statistics = (of: Params) =>
      values(Object.fromEntries(Object.entries(of).filter(([, v]) => !v.trainable)));
    const replicas = await connect(2, { task: "classifier" });
    const start = await statistics(params);
    const { terms } = await step(replicas, params, 5);
    expect(terms).toEqual((await byHand(alone, 2, 5, "classifier")).terms);
    disposeParams(alone);

    const first = tasks.classifier.init();
    const { start: from, end } = splitBatch(5, 2)[0]!;
    const share = { index: 0, count: 1, start: from, end, batch: 5 };
    const one = valueAndGrads(() => tasks.classifier.terms(first, { seed: 5 }, share), first);
    tf.dispose([one.terms, one.grads]);
    expect(await statistics(params)).toEqual(await statistics(first));
    expect(await statistics(params)).not.toEqual(start);

    // Outputs depend on the statistics. Each worker has changed its own, but must use those that it is given: here
    // the ones from before the step, which are in the shared memory already.
    const reset = tasks.classifier.init();
    const anew = await replicas.outputs(reset, { seed: 1 }, 4);
    expect([anew.dtype, anew.shape]).toEqual(["int32", [4, 3]]);
    expect(Array.from(await anew.data())).toEqual(await rowsAlone(reset));
    const after = await replicas.outputs(params, { seed: 1 }, 4);
    expect(Array.from(await after.data())).toEqual(await rowsAlone(params));
    expect(await rowsAlone(params)).not.toEqual(await rowsAlone(reset));
    tf.dispose([after, anew]);
    await replicas.close();
    for (const weights of [params, first, reset]) disposeParams(weights);
  });

  async function rowsAlone(params: Params): Promise<number[]> {
    const rows = tf.tidy(() => tasks.classifier.outputs(params, { seed: 1 }, whole(4)));
    const read = Array.from(await rows.data());
    rows.dispose();
    return read;
  }

  it("sample the pictures of one thread, in order and to the bit", async () => {
    const params = tasks.diffusion.init();
    const alone = await tasks.diffusion.outputs(params, { seed: 9 }, whole(5));
    const replicas = await connect(3);
    const together = await replicas.outputs(params, { seed: 9 }, 5);
    expect(together.shape).toEqual([5, 8, 8, 3]);
    expect(Array.from(await together.data())).toEqual(Array.from(await alone.data()));
    tf.dispose([alone, together, ...Object.values(params)]);
    await replicas.close();
  });

  it("keep the tensors of the workers constant, and free them at the end", async () => {
    const params = tasks.diffusion.init();
    const replicas = await connect(2);
    await step(replicas, params, 2);
    const count = async () => {
      const counts = await replicas.outputs(params, { seed: -1 }, 2);
      const read = Array.from(await counts.data());
      counts.dispose();
      return read;
    };
    const [first] = await count();
    expect(first).toBeGreaterThanOrEqual(Object.keys(params).length);
    await step(replicas, params, 2);
    tf.dispose(await replicas.outputs(params, { seed: 3 }, 2));
    expect(await count()).toEqual([first, first]);
    await replicas.close();
    disposeParams(params);
    const others = await connect(2, { task: "classifier" }); // in the same workers
    const small = tasks.classifier.init();
    const left = await others.outputs(small, { seed: -1 }, 2);
    expect(Array.from(await left.data())).toEqual(Array(2).fill(Object.keys(small).length));
    await others.close();
    tf.dispose([left, ...Object.values(small)]);
  });

  it("refuse weights that do not fit, other counts and a second call, and go on", async () => {
    const params = tasks.classifier.init();
    const replicas = await connect(2, { task: "classifier" });
    const { "fc.bias": bias, ...others } = params;
    await expect(replicas.valueAndGrads(others, { seed: 1 }, 2)).rejects.toThrow('no "fc.bias" [3]');
    const frozen = { ...params, "fc.bias": tf.tidy(() => tf.variable(tf.zeros([3]), false)) };
    await expect(replicas.outputs(frozen, { seed: 1 }, 2)).rejects.toThrow('"fc.bias" to be trainable');
    frozen["fc.bias"].dispose();
    await expect(replicas.valueAndGrads(params, { seed: 1 }, 0)).rejects.toThrow(
      "batch to be a positive integer",
    );
    const one = step(replicas, params, 2);
    await expect(replicas.outputs(params, { seed: 1 }, 2)).rejects.toThrow("one call at a time");
    expect(Object.keys((await one).grads)).toContain("fc.bias");
    expect(bias!.isDisposed).toBe(false);
    await replicas.close();
    await replicas.close();
    await expect(replicas.outputs(params, { seed: 1 }, 2)).rejects.toThrow("a group that is open");
    disposeParams(params);
  });
});

it("see every change of the weights on cpu, also one in place", async () => {
  await useBackend("cpu");
  const params = tasks.classifier.init();
  const replicas = await connect(2, { engine: "cpu", task: "classifier" });
  const first = await step(replicas, params, 3);
  expect(first.grads).toEqual((await byHand(params, 2, 3, "classifier")).grads);
  const memory = await params["fc.bias"]!.data(); // on cpu, the weight's own memory
  const was = memory[0]!;
  memory[0] = was + 0.5;
  const second = await step(replicas, params, 3);
  expect(largestDifference(first.grads, second.grads)).toBeGreaterThan(1e-3);
  memory[0] = was;
  expect((await step(replicas, params, 3)).grads).toEqual(first.grads);
  await replicas.close();
  disposeParams(params);
});

it("splitBatch cuts into consecutive shares of nearly one size", () => {
  const ends = (batch: number, count: number) =>
    splitBatch(batch, count).map(({ start, end }) => [start, end]);
  expect(ends(8, 2)).toEqual([
    [0, 4],
    [4, 8],
  ]);
  expect(ends(8, 3)).toEqual([
    [0, 3],
    [3, 6],
    [6, 8],
  ]);
  expect(ends(2, 3)).toEqual([
    [0, 1],
    [1, 2],
    [2, 2],
  ]);
  expect(splitBatch(5, 2)[1]).toEqual({ index: 1, count: 2, start: 3, end: 5, batch: 5 });
  expect(() => splitBatch(0, 2)).toThrow("splitBatch: expected batch to be a positive integer, got 0.");
});
