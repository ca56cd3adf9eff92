import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DTYPE_ARRAYS,
  fromFloat32,
  sizeOf,
  toFloat32,
  type StateDict,
  type StoredTensor,
} from "../../../src/formats/state-dict.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsMetadata,
} from "../../../src/formats/safetensors/safetensors.js";

// Python safetensors 0.8.0: base64 of safetensors.numpy.save({'b': arange(3, f4), 'a': i8[2**53+1, -1],
// 'é': f2(1.5), 'z"q\\\n\x01': ones((2,2), f8), 'e': zeros((0,3), f4), '10', '9', '\U0001F600', '\uffee': zeros(1, f4),
// 'u': ones(3, u1), 'i': i4[-7], 't': [True], 's': i2[-2], 'k': u2[3], 'n': u4[4], 'g': u8[5], 'y': i1[-6]}, {'k': 'ü'})
const GOLDEN = [
  "2AMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJrIjoiw7wifSwiZyI6eyJkdHlwZSI6IlU2NCIsInNoYXBlIjpbMV0sImRhdGFfb2Zm",
  "c2V0cyI6WzAsOF19LCJhIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbOCwyNF19LCJ6XCJxXFxc",
  "blx1MDAwMSI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIjpbMjQsNTZdfSwiMTAiOnsiZHR5cGUi",
  "OiJGMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOls1Niw2MF19LCI5Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsxXSwi",
  "ZGF0YV9vZmZzZXRzIjpbNjAsNjRdfSwiYiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzY0LDc2",
  "XX0sImUiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6Wzc2LDc2XX0sIu+/riI6eyJkdHlwZSI6",
  "IkYzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6Wzc2LDgwXX0sIvCfmIAiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzFd",
  "LCJkYXRhX29mZnNldHMiOls4MCw4NF19LCJuIjp7ImR0eXBlIjoiVTMyIiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbODQs",
  "ODhdfSwiaSI6eyJkdHlwZSI6IkkzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6Wzg4LDkyXX0sIsOpIjp7ImR0eXBlIjoi",
  "RjE2Iiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOls5Miw5NF19LCJrIjp7ImR0eXBlIjoiVTE2Iiwic2hhcGUiOlsxXSwiZGF0",
  "YV9vZmZzZXRzIjpbOTQsOTZdfSwicyI6eyJkdHlwZSI6IkkxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6Wzk2LDk4XX0s",
  "InkiOnsiZHR5cGUiOiJJOCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6Wzk4LDk5XX0sInUiOnsiZHR5cGUiOiJVOCIsInNo",
  "YXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6Wzk5LDEwMl19LCJ0Ijp7ImR0eXBlIjoiQk9PTCIsInNoYXBlIjpbMV0sImRhdGFfb2Zm",
  "c2V0cyI6WzEwMiwxMDNdfX0FAAAAAAAAAAEAAAAAACAA//////////8AAAAAAADwPwAAAAAAAPA/AAAAAAAA8D8AAAAAAADwPwAA",
  "AAAAAAAAAAAAAAAAgD8AAABAAAAAAAAAAAAEAAAA+f///wA+AwD+//oBAQEB",
].join("");

const golden: StateDict = {
  b: { dtype: "F32", shape: [3], data: new Float32Array([0, 1, 2]) },
  a: { dtype: "I64", shape: [2], data: new BigInt64Array([2n ** 53n + 1n, -1n]) },
  é: { dtype: "F16", shape: [], data: new Uint16Array([0x3e00]) },
  'z"q\\\n\x01': { dtype: "F64", shape: [2, 2], data: new Float64Array([1, 1, 1, 1]) },
  e: { dtype: "F32", shape: [0, 3], data: new Float32Array(0) },
  "10": { dtype: "F32", shape: [1], data: new Float32Array(1) },
  "9": { dtype: "F32", shape: [1], data: new Float32Array(1) },
  "\u{1F600}": { dtype: "F32", shape: [1], data: new Float32Array(1) },
  "\uffee": { dtype: "F32", shape: [1], data: new Float32Array(1) },
  u: { dtype: "U8", shape: [3], data: new Uint8Array([1, 1, 1]) },
  i: { dtype: "I32", shape: [1], data: new Int32Array([-7]) },
  t: { dtype: "BOOL", shape: [1], data: new Uint8Array([1]) },
  s: { dtype: "I16", shape: [1], data: new Int16Array([-2]) },
  k: { dtype: "U16", shape: [1], data: new Uint16Array([3]) },
  n: { dtype: "U32", shape: [1], data: new Uint32Array([4]) },
  g: { dtype: "U64", shape: [1], data: new BigUint64Array([5n]) },
  y: { dtype: "I8", shape: [1], data: new Int8Array([-6]) },
};

/** A file with this header text and this many bytes of tensors. */
function file(header: string, bytes = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + json.length + bytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}

const entry = (dtype: string, shape: unknown, begin: number, end: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe("safetensors", () => {
  it("writes Python's bytes", () => {
    const bytes = encodeSafetensors(golden, { k: "ü" });
    expect(Buffer.from(bytes).toString("base64")).toBe(GOLDEN);
    expect(Buffer.from(encodeSafetensors({})).toString("latin1")).toBe("\b\0\0\0\0\0\0\0{}      ");
  });

  it("reads Python's bytes, aligned or not", () => {
    const bytes = Buffer.from(GOLDEN, "base64");
    for (let shift = 0; shift < 8; shift++) {
      const buffer = new Uint8Array(shift + bytes.length);
      buffer.set(bytes, shift);
      const tensors = decodeSafetensors(buffer.subarray(shift));
      expect({ ...tensors }).toEqual(golden);
      expect({ ...safetensorsMetadata(buffer.subarray(shift)) }).toEqual({ k: "ü" });
    }
  });

  it("takes memory of any kind and realm", () => {
    const bytes = Buffer.from(GOLDEN, "base64");
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const foreign = runInNewContext("Uint8Array.from(list)", { list: [...bytes] }) as Uint8Array;
    for (const source of [Uint8Array.from(bytes).buffer, shared, foreign]) {
      expect({ ...decodeSafetensors(source) }).toEqual(golden);
      expect({ ...safetensorsMetadata(source) }).toEqual({ k: "ü" });
    }
    const data = runInNewContext("Uint8Array.of(7)") as Uint8Array;
    expect(decodeSafetensors(encodeSafetensors({ a: { dtype: "U8", shape: [1], data } })).a?.data[0]).toBe(7);
    expect(() => decodeSafetensors([...bytes] as never)).toThrow(
      `decodeSafetensors: expected a Uint8Array, got a list of length ${bytes.length}.`,
    );
  });

  it("keeps names that objects treat specially", () => {
    const tensor: StoredTensor = { dtype: "U8", shape: [1], data: new Uint8Array([7]) };
    const names = ["__proto__", "constructor", "toString", ""];
    const tensors = decodeSafetensors(encodeSafetensors(Object.fromEntries(names.map((n) => [n, tensor]))));
    expect(Object.keys(tensors).sort()).toEqual([...names].sort());
    expect(tensors.__proto__?.data).toEqual(tensor.data);
    expect("hasOwnProperty" in tensors).toBe(false);
    const metadata = safetensorsMetadata(file('{"__metadata__":{"__proto__":"a","toString":"b"}}'));
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", "a"],
      ["toString", "b"],
    ]);
    expect(Object.getPrototypeOf(metadata)).toBe(null);
    expect("dtype" in {}).toBe(false);
  });

  it("reads tensors that lie far behind in a large file", () => {
    const [first, second] = [97_000_000, 3_000_000];
    const header = `{"a":${entry("U8", [first], 0, first)},"b":${entry("U8", [second], first, first + second)}}`;
    const bytes = file(header, first + second);
    bytes[bytes.length - 1] = 7;
    expect(decodeSafetensors(bytes).b?.data.at(-1)).toBe(7);
  });

  it("round-trips any tensors", () => {
    const tensor = fc
      .uint8Array({ maxLength: 12 })
      .map((data): StoredTensor => ({ dtype: "U8", shape: [data.length, 1], data: Uint8Array.from(data) }));
    const wide = fc
      .float64Array({ maxLength: 5 })
      .map((data): StoredTensor => ({ dtype: "F64", shape: [data.length], data: Float64Array.from(data) }));
    const names = fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__");
    fc.assert(
      fc.property(fc.dictionary(names, fc.oneof(tensor, wide)), (tensors) => {
        expect({ ...decodeSafetensors(encodeSafetensors(tensors)) }).toEqual({ ...tensors });
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["an empty file", new Uint8Array(0), "at least 8 bytes, got 0 bytes"],
    ["a truncated header", file("{}").subarray(0, 9), "a header of 2 bytes, got a file of 9 bytes"],
    ["a header that is too long", new Uint8Array(8).fill(255), "at most 100000000 bytes"],
    ["a header that is not JSON", file("{,}"), "the header in JSON"],
    ["a header that is not UTF-8", file("{}").fill(255, 8), "the header in JSON"],
    ["a header that is an array", file("[]"), "a JSON object"],
    ["an unknown dtype", file(`{"a":${entry("F4", [1], 0, 1)}}`, 1), 'dtype of "a" among BOOL'],
    ["a dtype of Object", file(`{"a":${entry("toString", [1], 0, 1)}}`, 1), 'dtype of "a" among'],
    ["a dtype of __proto__", file(`{"a":${entry("__proto__", [1], 0, 1)}}`, 1), 'dtype of "a" among'],
    ["a dtype of nothing", file('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), "among BOOL, U8"],
    [
      "the type that 8-bit floats have in Python",
      file(`{"a":${entry("F8_E8M0", [1], 0, 1)}}`, 1),
      "got F8_E8M0",
    ],
    ["a negative size", file(`{"a":${entry("U8", [-1, -1], 0, 1)}}`, 1), 'shape of "a"'],
    ["a fractional size", file(`{"a":${entry("U16", [0.5], 0, 1)}}`, 1), 'shape of "a"'],
    ["a huge shape", file(`{"a":${entry("U8", [2 ** 52, 2 ** 52, 0.1], 0, 1)}}`, 1), 'shape of "a"'],
    ["a shape beyond all numbers", file(`{"a":${entry("U8", [2 ** 52, 2 ** 52], 0, 1)}}`, 1), 'shape of "a"'],
    [
      "offsets that are text",
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":["0","1"]}}', 1),
      "[begin, end]",
    ],
    ["three offsets", file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1), "got [0,1,2]"],
    ["a negative offset", file(`{"a":${entry("U8", [1], -1, 0)}}`, 1), "[begin, end], got [-1,0]"],
    ["offsets the wrong way round", file(`{"a":${entry("U8", [1], 1, 0)}}`, 1), "got data_offsets [1, 0]"],
    ["an offset beyond all numbers", file(`{"a":${entry("U8", [1], 2 ** 60, 2 ** 60)}}`, 1), "[begin, end]"],
    ["an offset beyond the file", file(`{"a":${entry("U8", [2 ** 40], 0, 2 ** 40)}}`, 1), "got 1 bytes"],
    [
      "a wrong length",
      file(`{"a":${entry("F32", [2], 0, 4)}}`, 4),
      '8 bytes for "a", F32 [2], got data_offsets [0, 4]',
    ],
    [
      "too many axes",
      file(`{"a":${entry("U8", Array(65).fill(1), 0, 1)}}`, 1),
      'at most 64 axes of "a", got 65',
    ],
    ["a page", new TextEncoder().encode("<!DOCTYPE html><p>"), "got an HTML page: <!DOCTYPE html><p>."],
    ["an error", new TextEncoder().encode('{"error":1}'), 'got JSON text: {"error":1}.'],
    ["a header with a byte-order mark", file("\ufeff{}"), "the header in JSON"],
    ["an entry that is a number", file('{"a":1}'), 'tensor "a" to be described by an object'],
    ["missing offsets", file('{"a":{"dtype":"U8","shape":[1]}}', 1), "[begin, end], got undefined"],
    ["a hole", file(`{"a":${entry("U8", [1], 1, 2)}}`, 2), '"a" to begin at byte 0'],
    [
      "an overlap",
      file(`{"a":${entry("U8", [2], 0, 2)},"b":${entry("U8", [2], 1, 3)}}`, 3),
      '"b" to begin at byte 2',
    ],
    [
      "two tensors in one place",
      file(`{"a":${entry("U8", [2], 0, 2)},"b":${entry("U8", [2], 0, 2)}}`, 2),
      '"b" to begin at byte 2, without gap or overlap, got 0',
    ],
    [
      "a tensor within another",
      file(`{"a":${entry("U8", [4], 0, 4)},"b":${entry("U8", [2], 1, 3)}}`, 4),
      '"b" to begin at byte 4, without gap or overlap, got 1',
    ],
    ["missing bytes", file(`{"a":${entry("U8", [4], 0, 4)}}`, 3), "4 bytes of tensors, got 3 bytes"],
    ["bytes left over", file(`{"a":${entry("U8", [1], 0, 1)}}`, 3), "1 bytes of tensors, got 3 bytes"],
    [
      "a name that comes again, spelt otherwise",
      file(`{"a":${entry("U8", [1], 0, 1)},"\\u0061":${entry("U8", [1], 1, 2)}}`, 2),
      "every name only once",
    ],
    [
      "a repeated key of a tensor",
      file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
      "every name only once",
    ],
    ["a header of 2^63 bytes", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b), "at most 100000000 bytes"],
    ["a header of nothing", new Uint8Array(8), "the header in JSON"],
    [
      "a repeated name",
      file(`{"a":${entry("U8", [1], 0, 1)},"a":${entry("U8", [1], 0, 1)}}`, 1),
      "every name only once",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow("decodeSafetensors: expected ");
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  it("refuses metadata that is not text", () => {
    for (const read of [safetensorsMetadata, decodeSafetensors]) {
      expect(() => read(file('{"__metadata__":{"a":1}}'))).toThrow('"a" to be a string, got 1');
      expect(() => read(file('{"__metadata__":[]}'))).toThrow("an object of strings");
      expect({ ...read(file('{"__metadata__":null}')) }).toEqual({});
    }
    expect(() => encodeSafetensors({}, { a: "\ud800" })).toThrow("metadata that are well-formed text, got a");
    expect(() => encodeSafetensors({}, { a: 1 as unknown as string })).toThrow('metadata "a" to be a string');
  });

  it.each([
    ["another array type", { a: { dtype: "F32", shape: [1], data: new Uint8Array(4) } }, "a Float32Array"],
    [
      "a wrong length",
      { a: { dtype: "F32", shape: [2], data: new Float32Array(3) } },
      '2 elements in "a", [2], got 3',
    ],
    ["an unknown dtype", { a: { dtype: "F8", shape: [1], data: new Uint8Array(1) } }, "a dtype among"],
    [
      "the reserved name",
      { __metadata__: { dtype: "U8", shape: [1], data: new Uint8Array(1) } },
      "__metadata__",
    ],
    [
      "a name that is not text",
      { "\ud800": { dtype: "U8", shape: [1], data: new Uint8Array(1) } },
      "well-formed",
    ],
  ])("does not write %s", (_, tensors, message) => {
    expect(() => encodeSafetensors(tensors as unknown as StateDict)).toThrow(message);
  });

  it.each([
    ["brackets", "[".repeat(2e7), "3 levels of brackets in the header, got 20000000"],
    ["brackets in an entry", `{"a":{"shape":[[${"[".repeat(3e5)}`, "3 levels of brackets"],
    ["lists", `{"a":[${"[],".repeat(6e6)}0]}`, "1000000 values in the header, got 6000001"],
    ["members", `{${'"a":0,'.repeat(2e6)}"a":0}`, "1000000 values in the header, got 2000001"],
  ])("refuses a header of nothing but %s, before it is parsed", (_, header, message) => {
    const started = performance.now();
    expect(() => decodeSafetensors(file(header))).toThrow(`decodeSafetensors: expected at most ${message}`);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("does not write what it would not read", () => {
    const empty: StoredTensor = { dtype: "U8", shape: Array<number>(1e6).fill(0), data: new Uint8Array(0) };
    expect(() => encodeSafetensors({ empty })).toThrow("encodeSafetensors: expected at most 1000000 values");
  });
});

/** A file that Python's safetensors wrote. */
const python = readFileSync(
  new URL("../../fixtures/diffusers/ddim/unet/diffusion_pytorch_model.safetensors", import.meta.url),
);

describe.each([
  ["of every type", Buffer.from(GOLDEN, "base64")],
  ["of a network", python],
])("a damaged file %s is read or refused, soon:", (_, bytes) => {
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = bytes.subarray(8, start).toString();
  const property = <T>(damage: fc.Arbitrary<T>, apply: (value: T) => Uint8Array, numRuns: number) => {
    const run = fc.property(damage, (value) => {
      readOrRefuse(apply(value));
    });
    fc.assert(run, { numRuns, seed: 1 });
  };

  it("cut off anywhere in its header, and in its tensors", () => {
    const lengths = Array.from({ length: Math.min(start, 2000) }, (_, i) => i);
    for (const length of [...lengths, start, start + 1, bytes.length - 1]) {
      expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(/^decodeSafetensors: expected /);
    }
    expect(Object.keys(decodeSafetensors(bytes)).length).toBeGreaterThan(10);
  });

  it("with bytes of its header changed", () => {
    const edit = fc.tuple(fc.nat(start - 1), fc.nat(255));
    const change = (edits: [number, number][]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, value] of edits) copy[at] = value;
      return copy;
    };
    property(fc.array(edit, { minLength: 1, maxLength: 4 }), change, 1500);
  });

  it("with pieces moved", () => {
    const place = fc.nat(start - 1);
    const move = ([from, to, length]: [number, number, number]) =>
      Uint8Array.from(bytes).copyWithin(to, from, from + length);
    property(fc.tuple(place, place, fc.integer({ min: 1, max: 64 })), move, 1000);
  });

  it("with other numbers and words in its header", () => {
    const numbers = ["0", "1", "-1", "1.5", "1e999", "1e15", "9007199254740993", "null", "[]", "{}", '"U8"'];
    const words = ['"__proto__"', '"__metadata__"', '"F64"', '"BOOL"', '"shape"', '""', '"\\ud800"'];
    const tokens = [...header.matchAll(/-?\d+(?=[,\]])|"(?:[^"\\]|\\.)*"/g)];
    const other = fc.constantFrom(...numbers, ...words);
    const replace = ([at, text]: [number, string]) => {
      const token = tokens[at]!;
      const changed = header.slice(0, token.index) + text + header.slice(token.index + token[0].length);
      return Buffer.concat([file(changed), bytes.subarray(start)]);
    };
    property(fc.tuple(fc.nat(tokens.length - 1), other), replace, 1500);
  });
});

/** Whatever is read must be whole; anything else that is thrown, a RangeError say, is a fault. */
function readOrRefuse(bytes: Uint8Array): void {
  const started = performance.now();
  let tensors: StateDict = {};
  try {
    tensors = decodeSafetensors(bytes);
    safetensorsMetadata(bytes);
  } catch (error) {
    expect((error as Error).message).toMatch(/^decodeSafetensors: expected [^]*, got [^]*\.$/);
  }
  for (const { dtype, shape, data } of Object.values(tensors)) {
    const whole = data instanceof DTYPE_ARRAYS[dtype] && data.length === sizeOf(shape);
    expect(whole, "type and length").toBe(true);
  }
  expect(performance.now() - started).toBeLessThan(2000);
}

it("any JSON as a header is read or refused", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      readOrRefuse(file(text, 3));
    }),
    { numRuns: 300 },
  );
});

describe("16-bit floats", () => {
  it("reads every half as IEEE 754 defines it", () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const values = toFloat32({ dtype: "F16", shape: [2 ** 16], data: bits });
    expect([0, 0x8000, 1, 0x3ff, 0x400, 0x3c01, 0x7bff, 0x7c00, 0xfc00].map((i) => values[i])).toEqual([
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      1 + 2 ** -10,
      65504,
      Infinity,
      -Infinity,
    ]);
    expect(values[0x7c01]).toBeNaN();
    // What was read is written back unchanged (NaNs become the quiet one).
    const back = fromFloat32(values, [2 ** 16], "F16").data as Uint16Array;
    expect(back.findIndex((b, i) => b !== i && !Number.isNaN(values[i]))).toBe(-1);
    expect(back[0x7c01]).toBe(0x7e00);
  });

  it("rounds to the nearest, ties to even", () => {
    // 1 + k 2^-11 lies halfway between halves; 2^-25 halfway between 0 and the smallest one; 65520 rounds to infinity.
    const values = [
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      1 + 2 ** -11 + 2 ** -20,
      2 ** -25,
      2 ** -25 * 1.0001,
      3 * 2 ** -25,
    ];
    const more = [65519, 65520, -1e30, 2 ** -14 - 2 ** -26, 1e-40, -0, NaN];
    const half = fromFloat32(new Float32Array([...values, ...more]), [13], "F16");
    expect(half.data).toEqual(
      new Uint16Array([0x3c00, 0x3c02, 0x3c01, 0, 1, 2, 0x7bff, 0x7c00, 0xfc00, 0x400, 0, 0x8000, 0x7e00]),
    );
    const brain = fromFloat32(new Float32Array([1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -1, NaN]), [5], "BF16");
    expect(brain.data).toEqual(new Uint16Array([0x3f80, 0x3f82, 0x7f80, 0xbf80, 0x7fc0]));
    expect(toFloat32(brain)).toEqual(new Float32Array([1, 1 + 2 ** -6, Infinity, -1, NaN]));
  });

  it("picks the nearest half for any number", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (x) => {
        const bits = (fromFloat32(new Float32Array([x]), [1], "F16").data as Uint16Array)[0]!;
        const near = [bits - 1, bits, bits + 1].filter((b) => (b & 0x7fff) < 0x7c00 && b >= 0 && b < 2 ** 16);
        const read = (b: number) => toFloat32({ dtype: "F16", shape: [1], data: new Uint16Array([b]) })[0]!;
        const best = Math.min(...near.map((b) => Math.abs(read(b) - x)));
        expect(Math.abs(read(bits) - x)).toBe(best);
      }),
    );
  });

  it("reads 8 bits as PyTorch does, in a file with other types", () => {
    // torch.tensor(bits, dtype=torch.uint8).view(torch.float8_e4m3fn).float(), and of float8_e5m2 (PyTorch 2.13)
    const four = { dtype: "F8_E4M3", bits: [0x38, 0xc0, 0x7e, 0x01, 0x7f, 0xff, 0x08, 0x80, 0xfe] } as const;
    const five = { dtype: "F8_E5M2", bits: [0x3c, 0xc0, 0x7b, 0x01, 0x7c, 0xfd, 0x04, 0x80] } as const;
    const stored = ({ dtype, bits }: typeof four | typeof five) =>
      ({ dtype, shape: [bits.length], data: Uint8Array.from(bits) }) as StoredTensor;
    const file = encodeSafetensors({ four: stored(four), five: stored(five), w: golden.y! });
    const tensors = decodeSafetensors(file);
    const values = [1, -2, 448, 2 ** -9, NaN, NaN, 2 ** -6, -0, -448];
    expect([...toFloat32(tensors.four!)]).toEqual(values);
    expect([...toFloat32(tensors.five!)]).toEqual([1, -2, 57344, 2 ** -16, Infinity, NaN, 2 ** -14, -0]);
    expect(tensors.w).toEqual(golden.y);
  });

  it("reads the other types", () => {
    expect(toFloat32(golden.a!)).toEqual(new Float32Array([2 ** 53, -1]));
    expect(toFloat32(golden.y!)).toEqual(new Float32Array([-6]));
    expect(toFloat32(golden.t!)).toEqual(new Float32Array([1]));
    const own = golden.b!;
    expect(toFloat32(own)).not.toBe(own.data);
    expect(() => toFloat32({ ...own, dtype: "F8" } as unknown as StoredTensor)).toThrow(
      "toFloat32: expected a dtype",
    );
    expect(() => fromFloat32(new Float32Array(3), [2], "F16")).toThrow("2 values for shape [2], got 3");
  });
});
