// What a header may be and what not, to the letter: its order, its bounds, and where tensors lie.
import { describe, expect, it } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../../../src/formats/safetensors/safetensors.js";
import { fromFloat32, toFloat32 } from "../../../src/formats/state-dict.js";

/** A file with this header and so many bytes of tensors. */
function file(header: string, bytes = 0): Uint8Array {
  const out = new Uint8Array(8 + header.length + bytes);
  new DataView(out.buffer).setUint32(0, header.length, true);
  out.set(new TextEncoder().encode(header), 8);
  return out;
}
const headerOf = (bytes: Uint8Array) => {
  const length = new DataView(bytes.buffer).getUint32(0, true);
  return new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd();
};
const one = (value: number) => ({ dtype: "F32", shape: [1], data: Float32Array.of(value) }) as const;
const described = (shape: readonly number[], begin: number, end: number) =>
  `{"dtype":"F32","shape":[${shape.join()}],"data_offsets":[${begin},${end}]}`;

describe("what is written", () => {
  it.each([
    [
      ["a", "ab"],
      ["a", "ab"],
    ],
    [
      ["ab", "a"],
      ["a", "ab"],
    ],
    [
      ["b", "aa"],
      ["aa", "b"],
    ],
    [
      ["ab", "aa", "ac"],
      ["aa", "ab", "ac"],
    ],
  ])("%j is in the order of the names' bytes, metadata too", (names, sorted) => {
    const tensors = Object.fromEntries(names.map((name, i) => [name, one(i)]));
    const texts = Object.fromEntries(names.map((name) => [name, name.toUpperCase()]));
    const header = JSON.parse(headerOf(encodeSafetensors(tensors, texts))) as Record<string, object>;
    expect(Object.keys(header)).toEqual(["__metadata__", ...sorted]);
    expect(Object.keys(header.__metadata__!)).toEqual(sorted);
    const again = decodeSafetensors(encodeSafetensors(tensors));
    for (const [i, name] of names.entries()) expect(again[name]!.data[0]).toBe(i);
  });

  const refused: [string, () => unknown][] = [
    ["tensors by name, got null.", () => encodeSafetensors(null as never)],
    ["metadata, texts by name, got 3.", () => encodeSafetensors({}, 3 as never)],
    ['names other than "__metadata__", got __metadata__.', () => encodeSafetensors({ __metadata__: one(1) })],
    ["names that are well-formed text, got ", () => encodeSafetensors({ "\ud800": one(1) })],
    [
      '"a" to have a dtype among BOOL, U8, I8, F8_E5M2, F8_E4M3, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64, got {"dtype":"F31"}.',
      () => encodeSafetensors({ a: { dtype: "F31" } as never }),
    ],
    [
      '"a" (F32) to hold a Float32Array, got Array.',
      () => encodeSafetensors({ a: { ...one(1), data: [1] as never } }),
    ],
    [
      'the shape of "a" to be a list of sizes, got [-1].',
      () => encodeSafetensors({ a: { ...one(1), shape: [-1] } }),
    ],
    ['6 elements in "a", [2, 3], got 1.', () => encodeSafetensors({ a: { ...one(1), shape: [2, 3] } })],
    ['metadata "k" to be a string, got 1.', () => encodeSafetensors({}, { k: 1 as never })],
    ["metadata that are well-formed text, got k.", () => encodeSafetensors({}, { k: "\udfff" })],
  ];
  it.each(refused)("not: %s", (message, call) => {
    expect(call).toThrow(`encodeSafetensors: expected ${message}`);
  });
});

describe("what is read", () => {
  it("shares the file's memory where that is aligned, and is copied else", () => {
    const padded = (length: number) => {
      const bytes = file(`{"a":${described([1], 0, 4)}}`.padEnd(length), 4);
      bytes.set([0, 0, 128, 63], 8 + length); // 1
      const { data } = decodeSafetensors(bytes).a!;
      return [...data, data.buffer === bytes.buffer];
    };
    expect([64, 65, 66, 68].map(padded)).toEqual([
      [1, true],
      [1, false],
      [1, false],
      [1, true],
    ]);
  });

  it("may have an empty tensor behind one that begins where it does", () => {
    const bytes = file(`{"a":${described([1], 0, 4)},"b":${described([0], 0, 0)}}`, 4);
    expect(Object.keys(decodeSafetensors(bytes))).toEqual(["a", "b"]);
  });

  it("may have 64 axes", () => {
    const ones = (count: number) => file(`{"a":${described(Array<number>(count).fill(1), 0, 4)}}`, 4);
    expect(decodeSafetensors(ones(64)).a!.shape).toHaveLength(64);
    expect(() => decodeSafetensors(ones(65))).toThrow('expected at most 64 axes of "a", got 65.');
  });

  const refused: [string, Uint8Array][] = [
    ["a safetensors file of at least 8 bytes, got 7 bytes.", Uint8Array.of(1, 0, 0, 0, 0, 0, 0)],
    ["a header of 9 bytes, got a file of 10 bytes.", file("{}").map((byte, i) => (i === 0 ? 9 : byte))],
    ["the header to be a JSON object, got  {}.", file(" {}")],
    ["the header to be a JSON object, got [].", file("[]")],
    ["at most 3 levels of brackets in the header, got 4.", file('{"a":{"b":[[1]]}}')],
    ['tensor "a" to be described by an object, got 1.', file('{"a":1}')],
    ["__metadata__ to be an object of strings, got [].", file('{"__metadata__":[]}')],
    ['__metadata__ "k" to be a string, got 1.', file('{"__metadata__":{"k":1}}')],
    ['8 bytes for "a", F32 [2, 1], got data_offsets [0, 4].', file(`{"a":${described([2, 1], 0, 4)}}`, 4)],
    [
      'data_offsets of "a" to be [begin, end], got [0,4,8].',
      file(`{"a":${described([1], 0, 4).replace("4]", "4,8]")}}`, 4),
    ],
    ['"a" to begin at byte 0, without gap or overlap, got 4.', file(`{"a":${described([1], 4, 8)}}`, 8)],
    ["4 bytes of tensors, got 5 bytes.", file(`{"a":${described([1], 0, 4)}}`, 5)],
  ];
  it.each(refused)("not: %s", (message, bytes) => {
    expect(() => decodeSafetensors(bytes)).toThrow(`decodeSafetensors: expected ${message}`);
  });
});

describe("numbers of 16 bits", () => {
  const bitsOf = (dtype: "F16" | "BF16", ...numbers: number[]) => [
    ...fromFloat32(Float32Array.from(numbers), [numbers.length], dtype).data,
  ];
  const ofBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer);

  it("are the nearest there are, ties to even, and NaN stays NaN", () => {
    expect(bitsOf("F16", 65519, 65520, -Infinity, 2 ** -14, 2 ** -24, 2 ** -25)).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x0400, 1, 0,
    ]);
    expect(bitsOf("F16", 1 + 2 ** -11, 1 + 3 * 2 ** -11, 3 * 2 ** -25)).toEqual([0x3c00, 0x3c02, 2]);
    expect(bitsOf("BF16", 1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, Infinity)).toEqual([
      0x3f80, 0x3f80, 0x3f82, 0x7f80,
    ]);
    for (const bits of [0x7fffffff, 0xffffffff, 0x7f800001]) {
      for (const dtype of ["F16", "BF16"] as const)
        expect(toFloat32(fromFloat32(ofBits(bits), [1], dtype))).toEqual(Float32Array.of(NaN));
    }
  });

  it("of a part of an array are that part's, and 32 bits are a copy", () => {
    const part = Float32Array.of(9, 1, -2).subarray(1);
    for (const dtype of ["F32", "F16", "BF16"] as const)
      expect(toFloat32(fromFloat32(part, [2], dtype))).toEqual(Float32Array.of(1, -2));
    const copy = fromFloat32(part, [2], "F32");
    expect(copy).toEqual({ dtype: "F32", shape: [2], data: Float32Array.of(1, -2) });
    expect(copy.data.buffer).not.toBe(part.buffer);
  });
});
