// Alone, since it loads modules anew that other files share.
import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { checkInternals, TESTED } from "../../src/autodiff/internals.js";
import { runFused, runFusedOr } from "../../src/autodiff/run-fused.js";
import { guard } from "../../src/backends/lost.js";
import { checkBackend } from "../../src/backends/wasm/memory/heap.js";

beforeAll(async () => {
  await tf.setBackend("cpu");
  await tf.ready();
});

const wanted = (where: string) => `${where}: expected TensorFlow.js ${TESTED}, whose internals it uses, got`;

describe("internals of TensorFlow.js", () => {
  it("are those of the versions that package.json admits", () => {
    const file = new URL("../../package.json", import.meta.url);
    const { peerDependencies } = JSON.parse(readFileSync(file, "utf8")) as {
      peerDependencies: Record<string, string>;
    };
    expect(new Set(Object.values(peerDependencies))).toEqual(new Set([TESTED]));
  });

  it("are missed by name, with the version that was found", () => {
    const parts = { function: ["run"], number: ["state.depth", "state.id", "none.at.all"] };
    expect(() => {
      checkInternals("here", { run: 1, state: { depth: 0, id: "0" } }, parts, "5.0.0");
    }).toThrow(`${wanted("here")} version 5.0.0 without run, state.id, none.at.all.`);
    checkInternals("here", { state: { depth: 0 } }, { number: ["state.depth"] }, "5.0.0");
  });
});

describe("the tape", () => {
  const { state } = tf.engine();
  const x = tf.tensor1d([3]);
  const square = () => tf.sum(tf.square(x));
  /** As in a program that has not differentiated anything yet. */
  const fresh = async () => {
    vi.resetModules();
    return (await import("../../src/autodiff/differentiate.js")).differentiate;
  };
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is looked for when it is first used", async () => {
    const differentiate = await fresh();
    const { nextTapeNodeId } = state;
    const before = tf.memory().numTensors;
    Reflect.deleteProperty(state, "nextTapeNodeId");
    try {
      expect(() => differentiate(square, [x])).toThrow(
        `${wanted("gradients")} version ${tf.version_core} without state.nextTapeNodeId.`,
      );
    } finally {
      state.nextTapeNodeId = nextTapeNodeId;
    }
    expect(tf.memory().numTensors).toBe(before);
    const { value, grads } = differentiate(square, [x]);
    expect([...value.dataSync(), ...grads[0]!.dataSync()]).toEqual([9, 6]);
    tf.dispose([value, ...(grads as tf.Tensor[])]);
  });

  it.each([
    { name: "is none", tape: {}, without: "activeTape.length" },
    {
      name: "has nodes of another kind",
      tape: [{ name: "node", outputs: [] }],
      without: "id, inputs",
    },
  ])("is refused where it $name", async ({ tape, without }) => {
    const differentiate = await fresh();
    const f = () => {
      const y = square();
      for (const { saved } of state.activeTape) tf.dispose(saved!);
      state.activeTape = tape as never;
      return y;
    };
    const before = tf.memory().numTensors;
    expect(() => differentiate(f, [x])).toThrow(
      `${wanted("gradients")} version ${tf.version_core} without ${without}.`,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("engines", () => {
  it("are refused where a method that all numbers pass is not there", () => {
    const passages = ["uploadToMoon"];
    expect(() => {
      guard("cpu", { passages, onLoss: () => undefined });
    }).toThrow(
      `useBackend: expected uploadToMoon of TensorFlow.js's engine, got none in version ${tf.version_core}.`,
    );
  });

  it("are refused on wasm where its module or its book of tensors has changed", () => {
    const f = () => undefined;
    const wasm = { HEAPU8: new Uint8Array(1), tfjs: { registerTensor: f, disposeData: f } };
    const functions = { _malloc: f, _free: f, cwrap: f };
    const own = { incRef: f, refCount: f, makeOutput: f, typedArrayFromHeap: f, dispose: f };
    const whole = { wasm: { ...wasm, ...functions }, dataIdMap: { get: f, has: f }, ...own };
    checkBackend(whole, "4.22.0");
    const refused = (backend: object, without: string) => {
      expect(() => {
        checkBackend(backend, "9.0.0");
      }).toThrow(`${wanted("useBackend")} version 9.0.0 without ${without}.`);
    };
    refused({ ...whole, refCount: undefined }, "refCount");
    refused({ ...whole, wasm: { ...functions, ...wasm, tfjs: {} } }, "wasm.tfjs.registerTensor, wasm.tfjs.disposeData"); // prettier-ignore
    refused({ ...whole, wasm: { ...wasm, ...functions, HEAPU8: undefined } }, "wasm.HEAPU8");
    refused({ ...whole, dataIdMap: undefined }, "dataIdMap.get, dataIdMap.has");
  });
});

describe("fused kernels", () => {
  it("have the names and attributes of their table: the compiler refuses others", () => {
    const composed = () => [];
    expect(runFusedOr({ kernel: "Ema", attrs: { keep: 1, take: 0 } }, [], composed)).toEqual([]);
    // @ts-expect-error: an attribute of another name
    expect(runFusedOr({ kernel: "Ema", attrs: { kept: 1, take: 0 } }, [], composed)).toEqual([]);
    // @ts-expect-error: another kernel's attributes
    expect(runFusedOr({ kernel: "Sgd", attrs: { keep: 1, take: 0 } }, [], composed)).toEqual([]);
    // @ts-expect-error: no such kernel
    expect(() => runFused({ kernel: "Adm", attrs: {} }, [])).toThrow(/Adm/);
  });
});
