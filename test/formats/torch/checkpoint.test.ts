// Fixtures: python scripts/reference/make_torch_files.py, with PyTorch 2.13.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { zipSync, unzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import {
  readTorchCheckpoint,
  toFloat32,
  type StoredTensor,
  type TorchValue,
} from "../../../src/formats/index.js";

const read = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/torch/${name}.pt`, import.meta.url)));
const zip = read("everything");
const legacy = read("everything-legacy");

type Tree = Readonly<Record<string, TorchValue>>;
const count = (length: number) => Array.from({ length }, (_, i) => i);

function expectTensor(
  value: TorchValue | undefined,
  dtype: string,
  shape: number[],
  numbers: number[],
): void {
  const tensor = value as StoredTensor;
  expect([tensor.dtype, tensor.shape], "type and shape").toEqual([dtype, shape]);
  expect([...toFloat32(tensor)]).toEqual(numbers);
}

describe.each([
  ["a zip", zip],
  ["the format before PyTorch 1.6", legacy],
])("a checkpoint in %s", (kind, bytes) => {
  const tree = readTorchCheckpoint(bytes) as Tree;

  it("has tensors of every type", () => {
    const types = {
      float32: "F32",
      float64: "F64",
      float16: "F16",
      bfloat16: "BF16",
      bool: "BOOL",
      uint8: "U8",
    };
    const integers = { int64: "I64", int32: "I32", int16: "I16", int8: "I8" };
    const unsigned = kind === "a zip" ? { uint16: "U16", uint32: "U32", uint64: "U64" } : {};
    const expected: Record<string, string> = { ...types, ...integers, ...unsigned };
    const found = tree.dtypes as Tree;
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, dtype] of Object.entries(expected)) {
      expectTensor(found[name], dtype, [3], name === "bool" ? [0, 1, 1] : [0, 1, 2]);
    }
  });

  it("has tensors of any shape, offset and strides, row by row", () => {
    expectTensor(tree.scalar, "F32", [], [2.5]);
    expectTensor(tree.empty, "F32", [0, 3], []);
    expectTensor(tree.transposed, "F32", [3, 2], [0, 3, 1, 4, 2, 5]);
    const reversed = count(4).flatMap((i) =>
      count(3).flatMap((j) => count(2).map((k) => 12 * k + 4 * j + i)),
    );
    expectTensor(tree["reversed axes"], "F32", [4, 3, 2], reversed);
    expectTensor(tree["every second"], "F32", [4], [1, 3, 5, 7]);
    expectTensor(tree.expanded, "F32", [2, 3], [0, 0, 0, 1, 1, 1]);
    expectTensor(tree.parameter, "F32", [2], [0, 1]);
  });

  it("lets tensors of one storage share it", () => {
    const [whole, part, column] = tree.shared as StoredTensor[];
    expectTensor(whole, "F32", [12], count(12));
    expectTensor(part, "F32", [4], [4, 5, 6, 7]);
    expectTensor(column, "F32", [3], [1, 5, 9]);
    expect(part!.data.buffer).toBe(whole!.data.buffer);
    expect(part!.data.buffer).not.toBe(bytes.buffer);
  });

  it("has plain data", () => {
    const numbers = [0, -1, 255, 65535, -(2 ** 31), 2 ** 40, 2n ** 70n, 0.1];
    expect(tree.plain).toEqual([null, true, false, ...numbers, "ä", Uint8Array.of(0, 255), [], [1], [2]]);
    expect(Object.entries(tree.ordered as Tree)).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
    expect(tree.size).toEqual([1, 2]);
    expect({ ...(tree["number keys"] as Tree) }).toEqual({ 0: "a", 1: "b" });
  });

  it("is copied out of the file, also where that is a Buffer", () => {
    const plain = (readTorchCheckpoint(Buffer.from(bytes)) as Tree).plain as TorchValue[];
    const text = plain.find((value) => value instanceof Uint8Array)!;
    expect(Object.getPrototypeOf(text)).toBe(Uint8Array.prototype);
  });

  it("has a module's and an optimiser's state", () => {
    const module = tree.module as Tree;
    const names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
    expect(Object.keys(module)).toEqual(["0.weight", "0.bias", ...names.map((name) => `1.${name}`)]);
    expectTensor(module["1.num_batches_tracked"], "I64", [], [1]);
    const optimizer = tree.optimizer as { state: Record<string, Tree>; param_groups: Tree[] };
    expectTensor(optimizer.state["0"]!.step, "F32", [], [1]);
    expect(optimizer.param_groups[0]!.lr).toBe(0.5);
    expect(optimizer.param_groups[0]!.params).toEqual([0, 1, 2, 3]);
  });

  it("is refused, with an error of this function, wherever it is cut off", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readTorchCheckpoint(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        /^readTorchCheckpoint: expected .*, got [^]*\.$/,
      );
    }
  });

  it("with any bytes changed is read, or refused by this function, soon", () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = bytes.slice();
        for (const { at, byte } of changes) changed[at] = byte;
        readOrRefuse(changed);
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it("with pieces moved is read, or refused by this function, soon", () => {
    const place = fc.nat(bytes.length - 1);
    fc.assert(
      fc.property(place, place, fc.integer({ min: 1, max: 64 }), (from, to, length) => {
        const changed = bytes.slice();
        changed.copyWithin(to, from, from + length);
        readOrRefuse(changed);
      }),
      { numRuns: 1500, seed: 2 },
    );
  });
});

/** Anything else that is thrown, a RangeError say, is a fault. */
function readOrRefuse(bytes: Uint8Array): void {
  const started = performance.now();
  try {
    readTorchCheckpoint(bytes);
  } catch (error) {
    expect((error as Error).message).toMatch(/^readTorchCheckpoint: expected /);
  }
  expect(performance.now() - started).toBeLessThan(2000);
}

/** The pickle of a zip checkpoint, rewritten. */
function withPickle(pickle: readonly number[], members: Record<string, Uint8Array> = {}): Uint8Array {
  return zipSync({ "a/data.pkl": Uint8Array.from(pickle), ...members }, { level: 0 });
}

const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));

describe("refuses", () => {
  it.each([
    [
      "a class that is not plain data",
      read("namespace"),
      /nothing that Python would have to.*argparse.Namespace/,
    ],
    [
      "a call of anything",
      withPickle([0x80, 2, ...ascii("cos\nsystem\n(X\x04\0\0\0echotR.")]),
      /would have to import and run, got os\.system/,
    ],
    ["an opcode that makes objects", withPickle([0x80, 2, 0x69]), /opcode 0x69 at byte 2/],
    ["other files", Uint8Array.of(1, 2, 3), /a file of torch.save.*bytes that begin with 01 02 03/],
    ["nothing", new Uint8Array(), /got 0 bytes: an empty file/],
    [
      "another zip",
      zipSync({ "a.txt": Uint8Array.of(1) }, { level: 0 }),
      /with data.pkl in a folder, got .*a\.txt/,
    ],
    ["a value left over", withPickle([0x80, 2, 0x4e, 0x4e, 0x2e]), /a pickle of one value, got 2 values/],
    [
      "deep nesting",
      withPickle([...Array<number>(200).fill(0x5d), ...Array<number>(199).fill(0x61), 0x2e]),
      /100 levels/,
    ],
    ["text that is not", withPickle([0x80, 2, 0x8c, 1, 0xff, 0x2e]), /text in UTF-8/],
    [
      "a length that lies",
      withPickle([0x80, 2, 0x58, 255, 255, 255, 127]),
      /2147483647 more bytes of a pickle at byte 7/,
    ],
    [
      "big-endian",
      withPickle([0x4e, 0x2e], { "a/byteorder": Uint8Array.from(ascii("big")) }),
      /little-endian/,
    ],
    [
      "TorchScript",
      withPickle([0x4e, 0x2e], { "a/constants.pkl": Uint8Array.of(1) }),
      /a TorchScript program/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => readTorchCheckpoint(bytes)).toThrow(message);
  });

  it("compressed members, so that nothing can grow", () => {
    const bomb = zipSync({ "a/data.pkl": new Uint8Array(10_000_000) }, { level: 9 });
    expect(bomb.length).toBeLessThan(20_000);
    expect(() => readTorchCheckpoint(bomb)).toThrow(/"a\/data.pkl" to be stored without compression/);
  });

  it("a missing and a short storage", () => {
    const members = unzipSync(zip);
    const first = Object.keys(members).find((name) => name.endsWith("/data/0"))!;
    const { [first]: storage, ...others } = members;
    expect(() => readTorchCheckpoint(zipSync(others, { level: 0 }))).toThrow(
      /the zip to have everything\/data\/0/,
    );
    const short = zipSync({ ...others, [first]: storage!.slice(1) }, { level: 0 });
    expect(() => readTorchCheckpoint(short)).toThrow(/12 bytes in everything\/data\/0, got 11 bytes/);
  });

  /** One float tensor on a storage of four, described by `place`: offset, shape, strides. */
  const oneTensor = (place: string) =>
    withPickle(
      ascii(
        "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ" +
          `${place}\x89}tR.`,
      ),
      { "a/data/0": new Uint8Array(16) },
    );

  it("tensors that reach out of their storage, or copy it without end", () => {
    expectTensor(
      readTorchCheckpoint(oneTensor("K\0K\x02K\x02\x86K\x02K\x01\x86")),
      "F32",
      [2, 2],
      [0, 0, 0, 0],
    );
    expect(() => readTorchCheckpoint(oneTensor("K\x01K\x02K\x02\x86K\x02K\x01\x86"))).toThrow(
      /a tensor of shape \[2, 2\] within its storage of 4 elements, got strides \[2, 1\] from 1/,
    );
    expect(() => readTorchCheckpoint(oneTensor("K\0J\xff\xff\xff\xff\x85K\x01\x85"))).toThrow(
      /shape to be a list of sizes/,
    );
    expect(() => readTorchCheckpoint(oneTensor("K\0J\0\0\0\x7f\x85K\0\x85"))).toThrow(
      /copies take at most 16777216 bytes/,
    );
  });
});

it("wants a Uint8Array", () => {
  expect(() => readTorchCheckpoint("file.pt" as never)).toThrow(/expected a Uint8Array, got file.pt/);
});
