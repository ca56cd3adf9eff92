// What files are told by, one beginning after the other, and where reading ends: at exactly so many bytes, levels, names.
import { describe, expect, it } from "vitest";
import { bytesOf, contentOf, isLfsPointer, textIn } from "../../src/formats/bytes.js";
import { decodeUtf8, parseJson, parseJsonBytes, scanJson } from "../../src/formats/json.js";
import { fromFloat32, isShape, isStoredTensor, toFloat32 } from "../../src/formats/state-dict.js";

const utf8 = (content: string) => new TextEncoder().encode(content);

describe("what bytes seem to be", () => {
  const beginnings: [string, string][] = [
    ["50 4b 03 04", "a zip (.npz, or of torch.save)"],
    ["50 4b 05 06", "an empty zip"],
    ["93 4e 55 4d 50 59", "a .npy file"],
    ["1f 8b", "a file compressed by gzip"],
    ["28 b5 2f fd", "a file compressed by zstd"],
    ["80 02", "a pickle, or a file of torch.save before PyTorch 1.6"],
    ["80 03", "a pickle"],
    ["80 04", "a pickle"],
    ["80 05", "a pickle"],
    ["89 50 4e 47", "a PNG"],
    ["ff d8 ff", "a JPEG"],
    ["52 49 46 46 00", "a RIFF file (WebP?)"],
    ["47 47 55 46 00", "a GGUF file"],
    ["89 48 44 46", "a file of HDF5 (Keras?)"],
    ["10 00 00 00 00 00 00 00 7b", "a safetensors file"],
    ["10 00 00 00 00 00 00 00 7c", "bytes that begin with 10 00 00 00 00 00 00 00"],
    ["10 00 00 00 01 00 00 00 7b", "bytes that begin with 10 00 00 00 01 00 00 00"],
    ["00 50 4b 03 04", "bytes that begin with 00 50 4b 03 04"],
    ["00 01 02 03 04 05 06 07 08 09", "bytes that begin with 00 01 02 03 04 05 06 07"],
  ];
  it.each(beginnings)("%s", (hex, said) => {
    const bytes = Uint8Array.from(hex.split(" "), (byte) => parseInt(byte, 16));
    expect(textIn(bytes)).toBeUndefined();
    expect(contentOf(bytes)).toBe(said);
  });

  const texts: [string, string][] = [
    ["", "0 bytes: an empty file"],
    ["\n\t ", "a file of blanks"],
    ["<!doctype HTML><p>", "an HTML page: <!doctype HTML><p>"],
    ["\n <head></head>", "an HTML page: <head></head>"],
    ["<BODY class=a>", "an HTML page: <BODY class=a>"],
    ["<htmlx>", "a page of HTML or XML: <htmlx>"],
    ["no <html>", "text: no <html>"],
    ["[1]", "JSON text: [1]"],
    ["a {", "text: a {"],
    ["a\n\n  b\tc", "text: a b c"],
    ["x".repeat(60), `text: ${"x".repeat(60)}`],
    ["x".repeat(61), `text: ${"x".repeat(60)}…`],
    [`${"x".repeat(59)} y`, `text: ${"x".repeat(59)}…`],
    [`${"x".repeat(512)}\0`, `text: ${"x".repeat(60)}…`],
    [`${"x".repeat(511)}ü`, `text: ${"x".repeat(60)}…`], // of which half is looked at
  ];
  it.each(texts)("%j", (text, said) => {
    expect(textIn(utf8(text))).toBe(said);
    expect(contentOf(utf8(text))).toBe(said);
  });

  it("a character of control, or a broken one, makes no text unless it is out of sight", () => {
    for (const text of [`${"x".repeat(511)}\0`, "a\u0007b", "\u0085"]) {
      expect(textIn(utf8(text))).toBeUndefined();
    }
    expect(textIn(Uint8Array.of(0x61, 0xff, 0x62))).toBeUndefined();
  });

  it("an LFS pointer is told by its first line, not by part of it", () => {
    const pointer = "version https://git-lfs.github.com/spec/v1\n";
    expect(isLfsPointer(utf8(pointer))).toBe(true);
    expect(isLfsPointer(utf8(` ${pointer}`))).toBe(false);
    expect(isLfsPointer(utf8(pointer.slice(0, 39)))).toBe(false);
    expect(isLfsPointer(new Uint8Array(0))).toBe(false);
  });

  it("what callers have in place of bytes says what to do with it", () => {
    const message = (source: unknown) => () => bytesOf("here", source);
    const request = new Request("http://localhost/");
    expect(message(request)).toThrow("got a Request: give await (await fetch(request)).arrayBuffer().");
    expect(message(new URL("http://localhost/"))).toThrow("got an address: fetch it first.");
    expect(message(new Uint16Array(2))).toThrow("got a Uint16Array, whose elements are no bytes.");
    expect(message(() => 0)).toThrow("got a function.");
  });

  it("what others could write to is copied", () => {
    const shared = new SharedArrayBuffer(2);
    for (const source of [shared, new Uint8Array(shared)]) {
      const bytes = bytesOf("here", source);
      new Uint8Array(shared).fill(7);
      expect([bytes.buffer instanceof ArrayBuffer, ...bytes]).toEqual([true, 0, 0]);
      new Uint8Array(shared).fill(0);
    }
  });
});

describe("JSON", () => {
  const read = (text: string) => parseJson(text, "here", "it");
  it("has its names counted at every level, in lists too, and only outside of texts", () => {
    const fine = '{"a":{"b":1,"c":[{"b":2},{"b":null}]},"b":"x:y,{[","c\\\\":"\\":"}';
    expect(read(fine)).toEqual(JSON.parse(fine));
    for (const twice of ['{"a":{"b":1,"b":2}}', '[[{"b":1,"b":2}]]', '{"a":null,"b":1,"a":2}']) {
      expect(() => read(twice)).toThrow("here: expected every name only once in it, got a repeated name.");
    }
    for (const plain of ["1", "null", '"a:b"', "[]", "{}", "[null,[null]]"]) {
      expect(read(plain)).toEqual(JSON.parse(plain));
    }
  });

  it("is bounded at exactly so many levels and values", () => {
    const scan = (text: string, limits?: object) => () => scanJson(text, "here", "it", limits);
    expect(scan('[[],{"a":1}]', { depth: 2, values: 2 })()).toBe(1);
    expect(scan("[][][]", { depth: 1 })()).toBe(0); // beside one another
    expect(scan("[{},{},{}]", { depth: 2 })()).toBe(0);
    expect(scan("[[]]", { depth: 1 })).toThrow("here: expected at most 1 levels of brackets in it, got 2.");
    expect(scan("[{}]", { depth: 1 })).toThrow("got 2.");
    expect(scan("[1,2,3]", { values: 2 })).toThrow("here: expected at most 2 values in it, got 3.");
    expect(scan('["],[,\\",["]', { depth: 1, values: 1 })()).toBe(0);
    expect(scan("[".repeat(100) + "]".repeat(100))()).toBe(0);
    expect(scan("[".repeat(101))).toThrow("at most 100 levels of brackets in it, got 101.");
  });

  it("that is another thing is named, and the engine's complaint is shown on one line, cut where it is long", () => {
    const bytes = (content: string) => () => parseJsonBytes(utf8(content), "here", "it");
    expect(bytes("<html>no</html>")).toThrow("here: expected it in JSON, got an HTML page: <html>no</html>.");
    expect(bytes("")).toThrow("here: expected it in JSON, got 0 bytes: an empty file.");
    expect(bytes("version https://git-lfs.github.com/spec/v1")).toThrow("got a Git LFS pointer in place of");
    expect(bytes(' \n{"a": 1}')()).toEqual({ a: 1 });
    expect(bytes("3")()).toBe(3);
    expect(bytes('\ufeff{"a":"\ufeff"}')()).toEqual({ a: "\ufeff" });
    expect(bytes("<html>text: 1</html>")).toThrow("got an HTML page: <html>text: 1</html>.");
    expect(bytes('{"a":\n\n  x}')).toThrow(/got Unexpected token .*"\{"a": x\}" is not valid JSON\.$/u);
    expect(bytes("{\n\n1")).toThrow(/^here: expected it in JSON, got [^\n]{10,120}\.$/u);
    expect(decodeUtf8(utf8("\ufeffü"), "here", "it")).toBe("\ufeffü");
    expect(() => decodeUtf8(Uint8Array.of(0xff), "here", "it")).toThrow(
      "here: expected it in JSON, got bytes that are no text in UTF-8.",
    );
  });
});

describe("stored tensors", () => {
  const good = { dtype: "F32", shape: [2, 3], data: new Float32Array(6) };
  it("are told by their type, their sizes and an array of it", () => {
    expect(isStoredTensor(good)).toBe(true);
    expect(isStoredTensor({ ...good, shape: [], data: new Float32Array(1) })).toBe(true);
    const others = [
      null,
      undefined,
      "F32",
      { ...good, dtype: "F31" },
      { ...good, dtype: undefined },
      { ...good, dtype: "toString" },
      { ...good, shape: 6 },
      { ...good, shape: [2, 3.5] },
      { ...good, shape: ["2", "3"] },
      { ...good, shape: [2, 2] },
      { ...good, data: new Float64Array(6) },
      { ...good, data: undefined },
    ];
    for (const other of others) expect(isStoredTensor(other)).toBe(false);
  });

  it("have shapes of sizes whose product is exact", () => {
    for (const shape of [[], [0], [2, 0], [2 ** 53 - 1]]) expect(isShape(shape)).toBe(true);
    for (const shape of [[-1], [0.5], ["1"], "1", null, [2 ** 27, 2 ** 27]])
      expect(isShape(shape)).toBe(false);
  });

  it("are refused in full words", () => {
    const from =
      (...given: unknown[]) =>
      () =>
        fromFloat32(...(given as Parameters<typeof fromFloat32>));
    const one = Float32Array.of(1);
    expect(from([1], [1], "F32")).toThrow("fromFloat32: expected values in a Float32Array, got Array.");
    expect(from(one, [-1], "F32")).toThrow("fromFloat32: expected shape to be a list of sizes, got [-1].");
    expect(from(one, [2, 3], "F32")).toThrow("fromFloat32: expected 6 values for shape [2, 3], got 1.");
    expect(from(one, [1], "F64")).toThrow("fromFloat32: expected dtype F32, F16 or BF16, got F64.");
    expect(() => toFloat32({ ...good, data: new Float64Array(6) } as never)).toThrow(
      "toFloat32: expected F32 in a Float32Array, got Float64Array.",
    );
    for (const none of [undefined, null, {}, { ...good, dtype: "F31" }]) {
      expect(() => toFloat32(none as never)).toThrow(
        "toFloat32: expected a dtype among BOOL, U8, I8, F8_E5M2, F8_E4M3, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64, got ",
      );
    }
  });

  it("of every type become the numbers that they stand for", () => {
    const cases: [string, ArrayLike<number> | BigInt64Array | BigUint64Array, number[]][] = [
      ["BOOL", Uint8Array.of(0, 1), [0, 1]],
      ["U8", Uint8Array.of(255), [255]],
      ["I8", Int8Array.of(-128), [-128]],
      ["I16", Int16Array.of(-2), [-2]],
      ["U16", Uint16Array.of(65535), [65535]],
      ["I32", Int32Array.of(-7), [-7]],
      ["U32", Uint32Array.of(2 ** 31), [2 ** 31]],
      ["I64", BigInt64Array.of(-5n), [-5]],
      ["U64", BigUint64Array.of(2n ** 63n), [2 ** 63]],
      ["F64", Float64Array.of(0.1), [Math.fround(0.1)]],
      ["F32", Float32Array.of(0.5), [0.5]],
      ["BF16", Uint16Array.of(0x3f80, 0xc040, 0x7f80), [1, -3, Infinity]],
      // 0x0001 is 2^-24, 0x0400 the first normal 2^-14, 0x7bff the last 65504, 0xfc00 -infinity.
      [
        "F16",
        Uint16Array.of(1, 0x0400, 0x7bff, 0xfc00, 0x8001),
        [2 ** -24, 2 ** -14, 65504, -Infinity, -(2 ** -24)],
      ],
      ["F8_E5M2", Uint8Array.of(0x3c, 0xc0, 0x7c), [1, -2, Infinity]],
      // 0x01 is 2^-9, 0x08 the first normal 2^-6, 0x7e the last 448.
      [
        "F8_E4M3",
        Uint8Array.of(0x38, 0xb8, 1, 8, 0x7e, 0x0f),
        [1, -1, 2 ** -9, 2 ** -6, 448, 1.875 * 2 ** -6],
      ],
    ];
    for (const [dtype, data, expected] of cases) {
      const values = toFloat32({ dtype, shape: [data.length], data } as never);
      expect([dtype, ...values]).toEqual([dtype, ...expected]);
    }
    expect(toFloat32({ dtype: "F8_E4M3", shape: [2], data: Uint8Array.of(0x7f, 0xff) })).toEqual(
      Float32Array.of(NaN, NaN),
    );
    expect(toFloat32({ dtype: "F16", shape: [2], data: Uint16Array.of(0x7c01, 0xfe00) })).toEqual(
      Float32Array.of(NaN, NaN),
    );
  });
});
