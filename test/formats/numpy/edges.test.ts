// A header's text to the letter, and what is said of arrays that cannot be read or written.
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { decodeNpy, encodeNpy } from "../../../src/formats/numpy/npy.js";
import { decodeNpz } from "../../../src/formats/index.js";

const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const npy = (header: string, content: readonly number[], version = [1, 0]) => {
  const length = [header.length & 255, header.length >> 8, ...(version[0] === 1 ? [] : [0, 0])];
  return Uint8Array.of(0x93, ...utf8("NUMPY"), ...version, ...length, ...utf8(header), ...content);
};
const decode = (bytes: Uint8Array) => decodeNpy(bytes, "x", "here");
const read = (header: string, content: readonly number[], version?: number[]) =>
  decode(npy(header, content, version));
const described = (descr: string, shape: string, order = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe("a header", () => {
  it("may have any blanks, or none, where Python has them", () => {
    const expected = { dtype: "U8", shape: [2], data: Uint8Array.of(5, 6) };
    const headers = [
      "{'descr':'|u1','fortran_order':False,'shape':(2,)}",
      "{  'descr':  '|u1',  'fortran_order':  False,  'shape':  (2,),  }  \n\n",
      "{\n'descr':\n'|u1',\n'fortran_order':\nFalse,\n'shape':\n(2,),\n}",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2,  ), }",
    ];
    for (const header of headers) expect(read(header, [5, 6]), header).toEqual(expected);
    expect(read(described("|u1", "(1, 2)"), [5, 6]).shape).toEqual([1, 2]);
    expect(read(described("|u1", "(1L, 2L)"), [5, 6]).shape).toEqual([1, 2]);
    expect(read(described("|u1", "(2,1)"), [5, 6]).shape).toEqual([2, 1]);
    expect(read(described("|u1", "(12,)"), Array<number>(12).fill(1)).shape).toEqual([12]);
    expect(read(described("|u1", "()"), [5], [2, 0])).toEqual({
      dtype: "U8",
      shape: [],
      data: Uint8Array.of(5),
    });
    for (const header of [
      `x${described("|u1", "(2,)")}`,
      `${described("|u1", "(2,)")}x`,
      described("|u1", "2"),
    ]) {
      expect(() => read(header, [5, 6]), header).toThrow(
        `here: expected "x" to have NumPy's header, got ${header.trim()}.`,
      );
    }
  });

  it("says the order of bytes and of axes", () => {
    expect(read(described(">i2", "(2,)"), [1, 2, 3, 4]).data).toEqual(Int16Array.of(0x0102, 0x0304));
    expect(read(described("<i2", "(2,)"), [1, 2, 3, 4]).data).toEqual(Int16Array.of(0x0201, 0x0403));
    const columns = read(described("|u1", "(2, 3)", "True"), [0, 3, 1, 4, 2, 5]);
    expect(columns.data).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5));
  });

  const types = "b1, u1, i1, u2, i2, u4, i4, u8, i8, f2, f4, f8";
  const refused: [string, Uint8Array][] = [
    [`"x" to be of type ${types}, got =u1`, npy(described("=u1", "(2,)"), [1, 2])],
    [`"x" to be of type ${types}, got <c8`, npy(described("<c8", "(1,)"), [1, 2])],
    [`"x" to be of type ${types}, got y<u1`, npy(described("y<u1", "(2,)"), [1, 2])],
    [`"x" to be of type ${types}, got `, npy(described("", "(2,)"), [1, 2])],
    [`at most 64 axes of "x", got 65`, npy(described("|u1", `(${"1, ".repeat(65)})`), [1])],
    ['6 bytes for "x" [2, 3], got 5 bytes', npy(described("|u1", "(2, 3)"), [1, 2, 3, 4, 5])],
    ['"x" to be a .npy file, got another beginning (text: NUMPY)', Uint8Array.from(utf8("NUMPY"))],
    ['"x" to be of version 1.0, 2.0 or 3.0, got 1.1', npy("", [], [1, 1])],
    ['"x" to have a header, got 9 bytes', npy("", []).subarray(0, 9)],
    ['"x" to have a header, got 11 bytes', npy("", [], [2, 0]).subarray(0, 11)],
    ['a header of "x" within its 2 bytes, got 3', npy("abc", []).subarray(0, 12)],
    ['a header of "x" within its 10001 bytes, got 10001', npy(" ".repeat(10_001), [])],
    ['"x" to have NumPy\'s header, got ', npy("", [])],
  ];
  it.each(refused)("is refused: %s", (message, bytes) => {
    expect(() => decode(bytes)).toThrow(`here: expected ${message}.`);
  });

  it("may have 64 axes", () => {
    expect(read(described("|u1", `(${"1, ".repeat(64)})`), [7]).shape).toHaveLength(64);
  });
});

describe("what is written", () => {
  const textOf = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  it("has NumPy's room for a first axis to grow, and ends at a multiple of 64", () => {
    // NumPy 2 of zeros(SHAPE, "<f4"): the header's length, and where the elements begin.
    const shapes: [number[], string, number][] = [
      [[], "()", 128],
      [[1], "(1,)", 128],
      [[2, 3], "(2, 3)", 128],
      [[0, 1, 2, 3], "(0, 1, 2, 3)", 128],
    ];
    for (const [shape, tuple, start] of shapes) {
      const size = shape.reduce((product, n) => product * n, 1);
      const bytes = encodeNpy({ dtype: "F32", shape, data: new Float32Array(size) }, "x", "here");
      expect(bytes.length).toBe(start + 4 * size);
      expect([...bytes.subarray(0, 10)]).toEqual([0x93, ...utf8("NUMPY"), 1, 0, start - 10, 0]);
      const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
      expect(textOf(bytes.subarray(10, start))).toBe(`${text.padEnd(start - 11)}\n`);
    }
  });

  it("needs no room for a growing axis where there is none: a shape whose text fills the line", () => {
    // "(1, ..., 1)" of 20 axes makes a header of 117 characters with the magic: 21 digits more go beyond 128.
    const ones = Array<number>(20).fill(1);
    const { length } = `{'descr': '<f4', 'fortran_order': False, 'shape': (${ones.join(", ")}), }`;
    const start = Math.ceil((10 + length + 20 + 1) / 64) * 64;
    expect(start).toBe(192);
    expect(encodeNpy({ dtype: "F32", shape: ones, data: Float32Array.of(1) }, "x", "here")).toHaveLength(
      start + 4,
    );
  });

  it("is refused in full words", () => {
    const write = (stored: unknown) => () =>
      encodeNpy(stored as Parameters<typeof encodeNpy>[0], "x", "here");
    const good = { dtype: "F32", shape: [1], data: Float32Array.of(1) };
    expect(write(null)).toThrow('here: expected "x" to be { dtype, shape, data }, got null.');
    expect(write({ ...good, dtype: "U8" })).toThrow(
      'here: expected "x" to be of type F32, F64, I64, got U8.',
    );
    expect(write({ ...good, data: [1] })).toThrow('here: expected "x" to hold a Float32Array, got Array.');
    expect(write({ ...good, shape: [0.5] })).toThrow(
      'here: expected the shape of "x" to be a list of sizes, got [0.5].',
    );
    expect(write({ ...good, shape: [2] })).toThrow('here: expected 2 elements in "x", got 1.');
  });
});

it("only the names that are asked for are read, each a text, and only an ending .npy is taken off", () => {
  const one = npy(described("|u1", "(1,)"), [5]);
  const zip = zipSync({ "a.npy": one, "b.npy.npy": one, other: one });
  const shapes = (names?: unknown) => Object.keys(decodeNpz(zip, { names: names as string[] }));
  expect(shapes(["a", "b.npy"])).toEqual(["a", "b.npy"]);
  expect(shapes([])).toEqual([]);
  expect(() => shapes()).toThrow("decodeNpz: expected a zip of .npy files, got other.");
  for (const names of [["a", 1], "a", [null]]) {
    expect(() => shapes(names)).toThrow("decodeNpz: expected names to be a list of names, got ");
  }
});
