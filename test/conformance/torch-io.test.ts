// Fixtures: python scripts/reference/make_fixtures.py (unets, classifiers: names and shapes of PyTorch's state dicts).
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import type { StateDict } from "../../src/formats/state-dict.js";
import { classifierFromTorch } from "../../src/formats/torch/classifier.js";
import { unetFromTorch, unetToTorch } from "../../src/formats/torch/unet.js";
import type { Params } from "../../src/types.js";
import { onEngine, sample } from "./engine.js";
import { expectClose, readFixture, type Fixture } from "./fixtures.js";
import { referenceParams } from "./params.js";
import { UNETS } from "./unet-cases.js";
import { stateDict, type Shape } from "./values.js";

onEngine();

const TABLE = "time_embedding.timembedding.0.weight";
const unets = await readFixture("unets");
const classifiers = await readFixture("classifiers");
const shapesOf = (fixture: Fixture, net: string) =>
  (fixture.setting("shapes") as Record<string, Record<string, Shape>>)[net]!;

/** Quicker than toEqual, which takes seconds for millions of numbers. */
function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const other = bytes(b);
  return a.byteLength === b.byteLength && bytes(a).every((byte, i) => byte === other[i]);
}

/** Bit for bit the same variables under the same names. */
async function expectSameParams(got: Params, want: Params): Promise<void> {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, variable] of Object.entries(want)) {
    expect(got[name]!.shape, name).toEqual(variable.shape);
    expect(got[name]!.trainable, name).toBe(variable.trainable);
    const [a, b] = [await got[name]!.data(), await variable.data()];
    expect(sameBytes(a, b), name).toBe(true);
  }
}

describe("PyTorch's state dicts", () => {
  it.each(["plain", "conditional"] as const)("U-Net %s: read and written back", async (name) => {
    const shapes = shapesOf(unets, name);
    const table = unets.numbers(`${name}.table`);
    const stored: StateDict = {
      ...stateDict(`unet.${name}`, shapes),
      [TABLE]: { dtype: "F32" as const, shape: [65, 32], data: Float32Array.from(table) },
    };
    const { network, params } = unetFromTorch(stored);
    expect(network.config).toMatchObject(UNETS[name]);
    const want = referenceParams(`unet.${name}`, shapes);
    await expectSameParams(params, want);
    const { [TABLE]: writtenTable, ...written } = await unetToTorch(network, params);
    expect(Object.keys(written).sort()).toEqual(Object.keys(shapes).sort());
    for (const [key, { dtype, shape, data }] of Object.entries(written)) {
      expect([dtype, ...shape], key).toEqual(["F32", ...stored[key]!.shape]);
      expect(sameBytes(data, stored[key]!.data), key).toBe(true);
    }
    expectClose(writtenTable!.data as Float32Array, table, 1e-7, "embedding table");
    tf.dispose([params, want]);
  });

  const configs = {
    small: { type: "resnet", blocks: [1, 1, 1, 1], width: 8, bottleneck: false, shortcut: "projection" },
    resnet50: { type: "resnet", blocks: [3, 4, 6, 3], width: 64, bottleneck: true, shortcut: "projection" },
    resnet20: { type: "resnet", blocks: [3, 3, 3], width: 16, bottleneck: false, shortcut: "pad" },
    smallDense: { type: "densenet", blocks: [2, 1, 2, 1], growth: 8, stem: 16 },
  };
  it.each(sample(Object.entries(configs), 1))("classifier %s: read", async (name, config) => {
    const shapes = shapesOf(classifiers, name);
    const { network, params } = classifierFromTorch(stateDict(`classifier.${name}`, shapes));
    expect(network.config).toMatchObject({ ...config, classes: 10 });
    const want = referenceParams(`classifier.${name}`, shapes);
    const renamed = Object.entries(want).map(([key, value]) => [key.replace(/^linear\./, "fc."), value]);
    await expectSameParams(params, Object.fromEntries(renamed) as Params);
    tf.dispose([params, want]);
  });
});
