import { describe, expect, it } from "vitest";
import * as cfd from "../../src/index.js";
import { decodeCifar10, checkImageRange, drawBatch, imageBatch, imageSet } from "../../src/data/index.js";
import {
  encodeDiffusers,
  encodeSafetensors,
  fromFloat32,
  stateDictIn,
  toFloat32,
  type TorchValue,
} from "../../src/formats/index.js";
import { statistics } from "../../src/metrics/index.js";

describe("what cannot even be shown as text where a word, a list or a set is expected", () => {
  const weird = [{ toString: 1 }, Symbol("x"), Object.create(null), 1n] as never[];
  const floats = { dtype: "F32", shape: [1], data: new Float32Array(1) } as const;
  const set = imageSet({ images: new Uint8Array(1), labels: [0], classes: ["a"], shape: [1, 1, 1] });
  const takers: Readonly<Record<string, (value: never) => unknown>> = {
    "encodeSafetensors: expected tensors by name": (o) => encodeSafetensors([o] as never),
    "encodeSafetensors: expected metadata, texts by name": (o) => encodeSafetensors({}, [o] as never),
    'encodeSafetensors: expected "a" to have a dtype': (o) =>
      encodeSafetensors({ a: { ...floats, dtype: o } }),
    "toFloat32: expected F32 in a Float32Array": (o) => toFloat32({ ...floats, data: o }),
    "toFloat32: expected a dtype": (o) => toFloat32(o),
    "fromFloat32: expected values": (o) => fromFloat32(o, [1], "F32"),
    "fromFloat32: expected shape": (o) => fromFloat32(floats.data, o, "F32"),
    "stateDictIn: expected a kind": (o) => stateDictIn({ a: floats }, o),
    "stateDictIn: expected the name": (o) => stateDictIn({ a: floats }, "unet", { name: o }),
    "decodeCifar10: expected name": (o) => decodeCifar10(new Uint8Array(1), o),
    "me: expected pixels in a Float32Array": (o) => {
      checkImageRange(o, "me");
    },
    "imageBatch: expected ": (o) => imageBatch(o, [0]),
    "imageBatch: expected indices to be a list": (o) => imageBatch(set, o),
    "drawBatch: expected flip": (o) => drawBatch(set, cfd.createRng(0), { batch: 1, flip: o }),
    "drawBatch: expected rng": (o) => drawBatch(set, o, { batch: 1 }),
    "assignParams: expected ": (o) => {
      cfd.assignParams({ w: o }, { w: o });
    },
  };

  it.each(Object.entries(takers))("%s", (message, take) => {
    for (const value of weird) expect(() => take(value)).toThrow(message);
  });

  it("by rejecting", async () => {
    for (const value of weird) {
      await expect(encodeDiffusers(value)).rejects.toThrow("encodeDiffusers: expected a");
      await expect(statistics(value)).rejects.toThrow("statistics: expected feature");
      await expect(cfd.useBackend(value)).rejects.toThrow("useBackend: expected one of cpu");
    }
  });

  it("is short, and a tree is bounded, whatever a file has for a name", () => {
    const long = { ["x".repeat(1e6)]: { ...floats, dtype: "F8" as never } };
    expect(() => encodeSafetensors(long)).toThrow(/^encodeSafetensors: expected "x{999}…, got .{1,300}$/);
    let tree: TorchValue = { w: floats };
    for (let depth = 0; depth < 20_000; depth++) tree = { tree };
    expect(() => stateDictIn(tree, "unet")).toThrow("stateDictIn: expected at most 100 levels");
  });
});
