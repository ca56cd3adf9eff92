// Fixtures: python scripts/reference/make_metrics_files.py; reference.npz: numpy.savez of a uint8 arr_0 beside mu and sigma.
import { readFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import { unzipSync, zipSync } from "fflate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeNpz, encodeNpz, type StateDict, type StoredTensor } from "../../../src/formats/index.js";
import { frechetDistance, statisticsFromNpz, statisticsToNpz } from "../../../src/metrics/index.js";
import { sizeOf } from "../../../src/formats/state-dict.js";

const file = (name: string) => readFile(`test/fixtures/metrics/${name}`);
const count24 = Array.from({ length: 24 }, (_, i) => i);
const doubles = (shape: readonly number[], ...values: number[]): StoredTensor => ({
  dtype: "F64",
  shape,
  data: Float64Array.from(values),
});
const FROM_NUMPY: StateDict = {
  mu: doubles([3], 0.5, -1, 2),
  rows: { dtype: "F32", shape: [2, 3, 4], data: Float32Array.from(count24) },
  columns: doubles([2, 3, 4], ...count24),
  count: { dtype: "I64", shape: [], data: BigInt64Array.of(50000n) },
  none: doubles([0, 3]),
  integers: { dtype: "I64", shape: [2, 1], data: BigInt64Array.of(-(2n ** 62n), 7n) },
};

/** A .npy file by hand, with these bytes behind any header. */
function withBytes(header: string, bytes: Uint8Array): Uint8Array {
  const file = npy(header, bytes.length);
  file.set(bytes, file.length - bytes.length);
  return file;
}

/** A .npy file by hand: any header before any bytes. */
function npy(header: string, bytes = 8, version = [1, 0]): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length =
    version[0] === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.of(
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    ...version,
    ...length,
    ...text,
    ...new Uint8Array(bytes),
  );
}
const header = (descr = "<f8", shape = "()", order = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
const decodeOne = (content: Uint8Array) => decodeNpz(zipSync({ "a.npy": content }));

describe("decodeNpz and encodeNpz", () => {
  it("read what NumPy wrote: all types, both orders, compressed or not, every version", async () => {
    for (const name of ["plain.npz", "compressed.npz"])
      expect(decodeNpz(await file(name)), name).toEqual(FROM_NUMPY);
    for (const version of [2, 3]) {
      expect(decodeOne(await file(`version${version}.npy`)).a).toEqual(FROM_NUMPY.columns);
    }
  });

  it("write each array byte for byte as NumPy", async () => {
    const [theirs, ours] = [unzipSync(await file("plain.npz")), unzipSync(encodeNpz(FROM_NUMPY))];
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    // NumPy kept the order of `columns`, which is written here in the other one.
    for (const name of Object.keys(theirs).filter((each) => each !== "columns.npy")) {
      expect(Buffer.from(ours[name]!).equals(theirs[name]!), name).toBe(true);
    }
  });

  it("give back what they were given, in the same bytes", () => {
    const array = fc.record({
      dtype: fc.constantFrom("F32", "F64", "I64"),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), array, { maxKeys: 4 }), (plan) => {
        const make = ({ dtype, shape }: { dtype: string; shape: number[] }) => {
          const length = sizeOf(shape);
          const values = Array.from({ length }, (_, i) => i - 2);
          const data =
            dtype === "F32"
              ? Float32Array.from(values)
              : dtype === "F64"
                ? Float64Array.from(values)
                : BigInt64Array.from(values, BigInt);
          return { dtype, shape, data } as StoredTensor;
        };
        const arrays = Object.fromEntries(Object.entries(plan).map(([name, each]) => [name, make(each)]));
        const bytes = encodeNpz(arrays);
        expect(Object.entries(decodeNpz(bytes)).sort()).toEqual(Object.entries(arrays).sort());
        expect(Buffer.from(encodeNpz(decodeNpz(bytes))).equals(bytes)).toBe(true);
      }),
    );
  });

  it("refuses files that lie", async () => {
    const message = "decodeNpz: expected ";
    const refusals: [Uint8Array, string][] = [
      [npy(header("|O")), '"a" to be of type b1, u1, i1, u2, i2, u4, i4, u8, i8, f2, f4, f8, got |O'],
      [npy(header("<c8")), "got <c8"],
      [npy(header("<U2")), "got <U2"],
      [npy(header("=f8")), "got =f8"],
      [npy(header("constructor")), "got constructor"],
      [npy(header("<f8", `(${"1, ".repeat(65)})`)), 'at most 64 axes of "a", got 65'],
      [npy(header("<f8", "(,)")), `"a" to have NumPy's header`],
      [npy(header("<f8", "(2,)")), '16 bytes for "a" [2], got 8 bytes'],
      [npy(header("<f8", "(9999999999, 9999999999)")), "got 8 bytes"],
      [npy(header("<f8", "(-1,)")), `"a" to have NumPy's header`],
      [npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (), }"), `"a" to have NumPy's header`],
      [npy(header(), 8, [4, 0]), '"a" to be of version 1.0, 2.0 or 3.0, got 4.0'],
      [npy(header()).fill(255, 8, 10), 'a header of "a" within its'],
      [Uint8Array.of(1, 2, 3), '"a" to be a .npy file, got another beginning'],
      [npy(header()).slice(0, 9), '"a" to have a header, got 9 bytes'],
    ];
    for (const [content, expected] of refusals) expect(() => decodeOne(content), expected).toThrow(expected);
    expect(() => decodeNpz(zipSync({ "a.txt": npy(header()) }))).toThrow(
      message + "a zip of .npy files, got a.txt",
    );
    expect(() => decodeNpz(new Uint8Array(9))).toThrow(
      message + "a whole .npz file, got a damaged or another one",
    );
    expect(() => decodeNpz("text" as never)).toThrow(message + "a Uint8Array, got text");
    const whole = await file("plain.npz");
    expect(() => decodeNpz(whole.subarray(0, whole.length - 30))).toThrow(message + "a whole .npz file");
  });

  it("refuses a name that comes twice, and bombs before they expand", () => {
    const zip = zipSync({ "a.npy": npy(header()), "b.npy": npy(header()) });
    const renamed = Uint8Array.from(zip, (byte, i) => (byte === 98 && zip[i + 1] === 46 ? 97 : byte)); // "b." to "a."
    expect(() => decodeNpz(renamed)).toThrow("decodeNpz: expected every name in the zip once, got a.npy");
    const bomb = zipSync({ "a.npy": npy(header(), 800) });
    const directory = bomb.lastIndexOf(0x02, bomb.length - 22 - 8); // PK\1\2, whose byte 24 holds the size
    new DataView(bomb.buffer).setUint32(directory - 3 + 24, 2 ** 31, true);
    expect(() => decodeNpz(bomb)).toThrow(
      "decodeNpz: expected arrays of at most 1073741824 bytes, got 2147483648",
    );
    // Within the bound, but more than so few bytes can be: nothing of that size is made.
    for (const at of [directory - 3 + 24, 22]) new DataView(bomb.buffer).setUint32(at, 2 ** 29, true);
    expect(() => decodeNpz(bomb)).toThrow(
      /decodeNpz: expected "a.npy" to expand to 536870912 bytes, got \d+ bytes, which cannot/,
    );
  });

  it("reads every real type of NumPy in both byte orders", () => {
    const cases: [string, number[], StoredTensor["dtype"], string][] = [
      ["|b1", [1], "BOOL", "1"],
      ["|u1", [255], "U8", "255"],
      ["|i1", [255], "I8", "-1"],
      ["u2", [1, 128], "U16", "32769"],
      ["i2", [1, 128], "I16", "-32767"],
      ["f2", [1, 0x3c], "F16", String(0x3c01)],
      ["u4", [1, 0, 0, 128], "U32", String(2 ** 31 + 1)],
      ["i4", [1, 0, 0, 128], "I32", String(1 - 2 ** 31)],
      ["f4", [0, 0, 0x20, 0xc1], "F32", "-10"],
      ["u8", [1, 0, 0, 0, 0, 0, 0, 128], "U64", String(2n ** 63n + 1n)],
      ["i8", [1, 0, 0, 0, 0, 0, 0, 128], "I64", String(1n - 2n ** 63n)],
      ["f8", [0, 0, 0, 0, 0, 0, 0x24, 0xc0], "F64", "-10"],
    ];
    for (const [type, bytes, dtype, value] of cases) {
      for (const order of type.startsWith("|") ? [""] : ["<", ">"]) {
        const content = npy(header(order + type), bytes.length);
        content.set(order === ">" ? [...bytes].reverse() : bytes, content.length - bytes.length);
        const { a } = decodeOne(content);
        expect([a?.dtype, a?.shape, ...Array.from(a!.data as ArrayLike<number>, String)]).toEqual([
          dtype,
          [],
          value,
        ]);
      }
    }
    // Two rows of three in Fortran's order, big-endian.
    const columns = npy(header(">i2", "(2, 3)", "True"), 12);
    columns.set([0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6], columns.length - 12);
    expect(decodeOne(columns).a).toEqual({
      dtype: "I16",
      shape: [2, 3],
      data: Int16Array.of(1, 2, 3, 4, 5, 6),
    });
  });

  it("reads what is asked for, whatever else is there, and counts that alone", async () => {
    const mixed = (huge = 0) => {
      const zip = zipSync({
        "mu.npy": npy(header()),
        "arr_0.npy": npy(header("|O")),
        "notes.txt": Uint8Array.of(7),
      });
      const directory = Buffer.from(zip).indexOf("PK\x01\x02"); // mu's entry
      const other = Buffer.from(zip).indexOf("PK\x01\x02", directory + 1);
      if (huge) new DataView(zip.buffer).setUint32(other + 24, huge, true);
      return zip;
    };
    for (const file of [mixed(), mixed(2 ** 31)]) {
      expect(decodeNpz(file, { names: ["mu", "none"] })).toEqual({ mu: doubles([], 0) });
    }
    expect(() => decodeNpz(mixed())).toThrow('decodeNpz: expected "arr_0" to be of type');
    expect(() => decodeNpz(mixed(), { name: ["mu"] } as never)).toThrow(
      "decodeNpz: expected option names, got name",
    );
    const { mean, covariance } = statisticsFromNpz(await file("reference.npz"), { count: 10 });
    expect([...mean]).toEqual(Array.from({ length: mean.length }, (_, i) => i));
    expect(covariance.length).toBe(mean.length ** 2);
    expect(decodeNpz(await file("reference.npz")).arr_0?.dtype).toBe("U8");
  });

  it("takes memory of any kind and realm, and names what no file is", () => {
    const bytes = encodeNpz({ mu: doubles([1], 2) });
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const foreign = runInNewContext("Uint8Array.from(list)", { list: [...bytes] }) as Uint8Array;
    for (const source of [bytes.buffer.slice(0, bytes.length), shared, foreign]) {
      expect(decodeNpz(source)).toEqual({ mu: doubles([1], 2) });
    }
    expect(() => decodeNpz(new TextEncoder().encode("<!doctype html><p>404"))).toThrow(
      "decodeNpz: expected a whole .npz file, got an HTML page: <!doctype html><p>404.",
    );
    expect(() => decodeNpz(npy(header()))).toThrow("got a damaged or another one (a .npy file)");
    const theirs = runInNewContext("Float64Array.of(2)") as Float64Array;
    expect(encodeNpz({ mu: { dtype: "F64", shape: [1], data: theirs } })).toEqual(bytes);
  });

  it("refuses to write what it has no type for", () => {
    const bytes: StoredTensor = { dtype: "U8", shape: [1], data: new Uint8Array(1) };
    expect(() => encodeNpz({ bytes })).toThrow(
      'encodeNpz: expected "bytes" to be of type F32, F64, I64, got U8',
    );
    const wrong = { dtype: "F64", shape: [1], data: new Float32Array(1) } as never;
    expect(() => encodeNpz({ wrong })).toThrow(
      'encodeNpz: expected "wrong" to hold a Float64Array, got Float32Array',
    );
    expect(() => encodeNpz({ short: doubles([2], 1) })).toThrow(
      'encodeNpz: expected 2 elements in "short", got 1',
    );
  });
});

it("what is no array of numbers, and no list of names, is named", () => {
  const write = (array: unknown) => () => encodeNpz({ array } as never);
  const written = 'encodeNpz: expected "array" to be { dtype, shape, data }, got ';
  expect(write(undefined)).toThrow(`${written}undefined.`);
  expect(write([1])).toThrow(`${written}[1].`);
  const shaped = (shape: unknown) => write({ ...doubles([1], 1), shape });
  for (const shape of [undefined, ["1"], [-1, -1], [0.5, 2], 1]) {
    expect(shaped(shape)).toThrow('encodeNpz: expected the shape of "array" to be a list of sizes, got ');
  }
  expect(() => encodeNpz(null as never)).toThrow("encodeNpz: expected arrays by name, got null.");
  const bytes = encodeNpz({ mu: doubles([1], 1) });
  for (const names of ["mu", { mu: true }, [1], null]) {
    expect(() => decodeNpz(bytes, { names } as never)).toThrow(
      "decodeNpz: expected names to be a list of names",
    );
  }
});

describe("statisticsToNpz and statisticsFromNpz", () => {
  const given = { mean: Float64Array.of(1, 2), covariance: Float64Array.of(2, 1, 1, 3), count: 12 };
  const [mu, sigma] = [doubles([2], 1, 2), doubles([2, 2], 2, 1, 1, 3)];

  it("give back the same statistics, from float32 and without a count too", () => {
    expect(statisticsFromNpz(statisticsToNpz(given))).toEqual(given);
    const single = { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) } as const;
    const read = statisticsFromNpz(encodeNpz({ mu: single, sigma }), { count: 12 });
    expect(read).toEqual(given);
    expect(frechetDistance(read, given)).toBeLessThan(1e-14);
  });

  it("read every type for the numbers that it holds, half precision too", () => {
    const npyOf = (descr: string, shape: string, bytes: Uint8Array) =>
      withBytes(`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`, bytes);
    // 1, 2; 2, 1, 1, 3; 12, by the bits of IEEE 754 binary16
    const halves = {
      "mu.npy": npyOf("<f2", "(2,)", new Uint8Array(Uint16Array.of(0x3c00, 0x4000).buffer)),
      "sigma.npy": npyOf(">f2", "(2, 2)", Uint8Array.of(0x40, 0, 0x3c, 0, 0x3c, 0, 0x42, 0)),
      "count.npy": npyOf("<f2", "()", Uint8Array.of(0, 0x4a)),
    };
    expect(statisticsFromNpz(zipSync(halves))).toEqual(given);
    const bytes = {
      "mu.npy": npyOf("|u1", "(2,)", Uint8Array.of(1, 2)),
      "count.npy": npyOf("|i1", "()", Uint8Array.of(12)),
    };
    expect(statisticsFromNpz(zipSync({ ...halves, ...bytes }))).toEqual(given);
  });

  it("are written only as what can be read", () => {
    const write = (change: object) => () => statisticsToNpz({ ...given, ...change });
    const message = "statisticsToNpz: expected ";
    for (const count of [1, 1.5, NaN, "12"])
      expect(write({ count })).toThrow(`${message}a count of at least 2`);
    expect(write({ mean: Float64Array.of(1, NaN) })).toThrow(`${message}finite numbers in mean, got NaN.`);
    expect(write({ mean: [1, 2] })).toThrow(`${message}mean in a Float64Array, got Array.`);
    expect(write({ mean: Float64Array.of(1) })).toThrow(`${message}a covariance of 1 x 1, got 4.`);
    expect(() => statisticsToNpz(null as never)).toThrow(`${message}an object of options, got null.`);
    expect(() => statisticsFromNpz(encodeNpz({ mu, sigma }), { count: "12" } as never)).toThrow(
      'in options.count, got ["12"].',
    );
  });

  it("refuses files without both, other shapes, and no count or two", () => {
    const from =
      (arrays: StateDict, count = 12) =>
      () =>
        statisticsFromNpz(encodeNpz(arrays), { count });
    const message = "statisticsFromNpz: expected ";
    expect(from({ sigma })).toThrow(message + 'an entry "mu" [width], got undefined');
    expect(from({ mu: sigma, sigma })).toThrow(message + 'an entry "mu" [width], got [2,2]');
    expect(from({ mu })).toThrow(message + 'an entry "sigma" [2, 2], got undefined');
    expect(from({ mu, sigma: mu })).toThrow(message + 'an entry "sigma" [2, 2], got [2]');
    expect(from({ mu: doubles([2], 1, NaN), sigma })).toThrow(message + 'finite numbers in "mu", got NaN');
    const none = 'one count of at least 2, in an entry "count" or else in options.count, got ';
    expect(() => statisticsFromNpz(encodeNpz({ mu, sigma }))).toThrow(message + none + "[]");
    expect(from({ mu, sigma }, 1)).toThrow(message + none + "[1]");
    expect(() => statisticsFromNpz(statisticsToNpz(given), { count: 3 })).toThrow(message + none + "[12,3]");
  });
});
