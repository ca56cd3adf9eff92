// Pickles by hand, opcode by opcode, and what is said of those that nobody writes: in full words.
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import {
  readTorchCheckpoint,
  UnreadLeaf,
  type StoredTensor,
  type TorchValue,
} from "../../../src/formats/index.js";

const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
/** A file of torch.save with this pickle, of characters that stand for bytes. */
const file = (pickle: string, members: Record<string, Uint8Array> = {}) =>
  zipSync({ "a/data.pkl": Uint8Array.from(ascii(`${pickle}.`)), ...members }, { level: 0 });
const read = (pickle: string) => readTorchCheckpoint(file(pickle));

/** The objects of a file have no prototype. */
const shown = (value: TorchValue) =>
  Object.getPrototypeOf(Object(value)) === null ? { ...(value as object) } : value;

describe("each opcode gives what Python reads of it", () => {
  const values: [string, string, unknown][] = [
    ["DUP, POP", "N20", null],
    ["NEWTRUE, NEWFALSE in a tuple of two", "\x88\x89\x86", [true, false]],
    ["BININT1", "K\xff", 255],
    ["BININT2, low byte first", "M\x01\x02", 0x0201],
    ["BININT, with its sign", "J\xfe\xff\xff\xff", -2],
    ["BININT, low byte first", "J\x01\x02\x03\x04", 0x04030201],
    ["LONG1 of no bytes", "\x8a\0", 0],
    ["LONG1 of two", "\x8a\x02\0\xff", -256],
    ["LONG1 that no number holds", `\x8a\x08${"\0".repeat(7)}\x40`, 2n ** 62n],
    ["LONG1 at the largest safe integer", "\x8a\x07\xff\xff\xff\xff\xff\xff\x1f", 2 ** 53 - 1],
    ["LONG1 one above it", "\x8a\x07\0\0\0\0\0\0\x20", 2n ** 53n],
    ["BINFLOAT, high byte first", "G\xbf\xe0\0\0\0\0\0\0", -0.5],
    ["SHORT_BINSTRING", "U\x02ab", "ab"],
    ["BINSTRING", "T\x02\0\0\0ab", "ab"],
    ["SHORT_BINUNICODE", "\x8c\x02\xc3\xbc", "ü"],
    ["BINUNICODE", "X\x03\0\0\0\xe2\x82\xac", "€"],
    ["BINUNICODE8", "\x8d\x01\0\0\0\0\0\0\0z", "z"],
    ["text that begins with a byte-order mark", "\x8c\x04\xef\xbb\xbfa", "\ufeffa"],
    ["half a surrogate pair among characters", "\x8c\x05a\xed\xa0\x80b", "a\ud800b"],
    ["two halves, first and last of their range", "\x8c\x06\xed\xa0\x80\xed\xbf\xbf", "\ud800\udfff"],
    ["a character that begins as one and is none", "\x8c\x03\xed\x9f\xbf", "\ud7ff"],
    ["SHORT_BINBYTES", "C\x02\x01\xff", Uint8Array.of(1, 255)],
    ["BINBYTES", "B\x01\0\0\0\x07", Uint8Array.of(7)],
    ["EMPTY_LIST, APPEND", "]K\x01aK\x02a", [1, 2]],
    ["APPENDS", "](K\x01K\x02e", [1, 2]],
    ["EMPTY_SET, ADDITEMS", "\x8f(K\x01K\x02\x90", [1, 2]],
    ["EMPTY_TUPLE", ")", []],
    ["TUPLE", "(K\x01K\x02K\x03t", [1, 2, 3]],
    ["TUPLE1, TUPLE3", "K\x01\x85K\x02K\x03\x87", [[1], 2, 3]],
    ["MARK, POP_MARK", "N(K\x01K\x021", null],
    ["BINPUT, BINGET", "K\x05q\x070h\x07", 5],
    ["LONG_BINPUT, LONG_BINGET", "K\x05r\0\x01\0\0" + "0j\0\x01\0\0", 5],
    ["MEMOIZE, in turn", "K\x05\x940K\x06\x940h\0h\x01\x86", [5, 6]],
    ["PROTO, FRAME", "\x80\x04\x95\0\0\0\0\0\0\0\0N", null],
    ["GLOBAL", "ctorch\nfloat32\n", "torch.float32"],
    ["STACK_GLOBAL", "\x8c\x05torch\x8c\x07float32\x93", "torch.float32"],
    ["REDUCE", "ctorch\nSize\n(K\x02K\x03t\x85R", [2, 3]],
    ["NEWOBJ", "c__builtin__\nset\n)\x81", []],
    ["BUILD of an OrderedDict", "ccollections\nOrderedDict\n)R}b", {}],
    ["a dict's state, dropped", "}N2\x86b", {}],
  ];
  it.each(values)("%s", (_, pickle, expected) => {
    expect(shown(read(pickle))).toEqual(expected);
  });

  it("SETITEM and SETITEMS of a dict, whose keys are named as Python shows them", () => {
    expect(Object.entries(read("}K\x01K\x02s") as object)).toEqual([["1", 2]]);
    expect(Object.entries(read("}(K\x01K\x02\x8c\x01aNu") as object)).toEqual([
      ["1", 2],
      ["a", null],
    ]);
    const keys: [string, string][] = [
      ["C\x04\x1f ~\x7f", "b'\\x1f ~\\x7f'"],
      ["C\x01\x0a", "b'\\x0a'"],
      [")", "()"],
      ["K\x01\x85", "(1,)"],
      ["\x8c\x01aN\x86", "('a', None)"],
      ["ctorch\nint8\n", "torch.int8"],
      ["\x88", "true"],
    ];
    for (const [key, name] of keys) expect(Object.keys(read(`}${key}Ns`) as object)).toEqual([name]);
    const set = "ctorch._utils\n_rebuild_sparse_tensor\n)R";
    expect(read(`}${set}Ns`)).toEqual(new UnreadLeaf("a dict with a sparse tensor as a key"));
    expect(read(`}${set}\x85Ns`)).toEqual(new UnreadLeaf("a dict with a list as a key"));
  });

  it("the few calls of plain data", () => {
    const calls: [string, unknown][] = [
      ["ccollections\nOrderedDict\n\x8c\x01aK\x01\x86\x85\x85R", { a: 1 }],
      ["ccollections\nCounter\n}\x8c\x01aK\x02s\x85R", { a: 2 }],
      ["ccollections\nCounter\n)R", {}],
      ["ccollections\ndefaultdict\n)R", {}],
      ["cbuiltins\nset\n(K\x01t\x85R", [1]],
      ["c__builtin__\nfrozenset\n(K\x01t\x85R", [1]],
      ["cbuiltins\nfrozenset\n)R", []],
      ["cbuiltins\ncomplex\n)R", new UnreadLeaf("a complex number")],
      ["c__builtin__\nbytes\n)R", new Uint8Array(0)],
      ["cbuiltins\nbytearray\n\x8c\x02\xc3\xbf\x8c\x07latin-1\x86R", Uint8Array.of(255)],
      ["cbuiltins\nbytearray\nC\x01\x05\x85R", Uint8Array.of(5)],
      ["c_codecs\nencode\n\x8c\x01a\x8c\x06latin1\x86R", Uint8Array.of(97)],
      ["ctorch\nSize\n)R", []],
      ["ctorch\ndevice\n\x8c\x04cudaK\x01\x86R", ["cuda", 1]],
    ];
    for (const [pickle, expected] of calls) expect(shown(read(pickle))).toEqual(expected);
    expect(read("ctorch.serialization\n_get_layout\n\x8c\x07strided\x85R")).toBe("strided");
    expect(read("ctorch.serialization\n_get_layout\n)R")).toBe(null);
  });
});

const storage = (kind = "torch\nFloatStorage", key = "0", length = "K\x04", rest = "t") =>
  `(\x8c\x07storagec${kind}\n\x8c\x01${key}\x8c\x03cpu${length}${rest}Q`;
const V2 = "ctorch._utils\n_rebuild_tensor_v2\n";
const V3 = "ctorch._utils\n_rebuild_tensor_v3\n";
const bytesOf = (...numbers: number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
const members = { "a/data/0": bytesOf(1, 2, 3, 4) };
/** A vector of two from the second element on, and what follows its strides. */
const vector = (rest: string, from = storage(), rebuild = V2) =>
  `${rebuild}(${from}K\x01K\x02\x85K\x02\x85${rest}tR`;

describe("a tensor", () => {
  const tensor = (pickle: string) => readTorchCheckpoint(file(pickle, members)) as StoredTensor;
  const expected = { dtype: "F32", shape: [2], data: Float32Array.of(2, 4) };

  it("is read from its storage, however it is rebuilt", () => {
    expect(tensor(`ctorch._utils\n_rebuild_tensor\n(${storage()}K\x01K\x02\x85K\x02\x85tR`)).toEqual(
      expected,
    );
    expect(tensor(vector("\x89)"))).toEqual(expected);
    expect(tensor(vector("\x89)N"))).toEqual(expected);
    expect(tensor(vector("\x89)}"))).toEqual(expected);
    expect(tensor(vector("\x89)}\x8c\x03neg\x89s"))).toEqual(expected);
    expect(tensor(vector("\x89)", storage("torch.cuda\nFloatStorage")))).toEqual(expected);
    expect(tensor(vector("\x89)", storage("torch\nFloatStorage", "0", "K\x04", "Nt")))).toEqual(expected);
    const untyped = storage("torch.storage\nUntypedStorage", "0", "K\x10");
    expect(tensor(vector("\x89)ctorch\nfloat32\n", untyped, V3))).toEqual(expected);
    expect(tensor(vector("\x89)ctorch\nfloat32\nN", untyped, V3))).toEqual(expected);
    const parameter = `ctorch._utils\n_rebuild_parameter\n(${vector("\x89)")}\x89)tR`;
    expect(tensor(parameter)).toEqual(expected);
    expect(tensor(parameter.replace("parameter", "parameter_with_state"))).toEqual(expected);
    const subclass = `ctorch._tensor\n_rebuild_from_type_v2\n(${V2}ctorch\nTensor\n(${storage()}K\x01K\x02\x85K\x02\x85\x89)t}tR`;
    expect(tensor(subclass)).toEqual(expected);
  });

  it("that is to be negated, or of another device's type, is a leaf", () => {
    const leaf = (pickle: string) => (tensor(pickle) as unknown as UnreadLeaf).unread;
    expect(
      leaf(
        vector("\x89)}\x8c\x04conj\x89\x8c\x03neg\x88s", undefined).replace(
          "\x89\x8c\x03neg",
          "\x89s\x8c\x03neg",
        ),
      ),
    ).toBe("a tensor with neg");
    expect(leaf(vector("\x89)}K\x01\x88s"))).toBe("a tensor with a number");
    const other = `ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n(${vector("\x89)")}ctorch\nfloat64\n\x8c\x03xla\x89tR`;
    expect(leaf(other)).toBe("a tensor of another device");
    expect(tensor(other.replace("float64", "float32"))).toEqual(expected);
    expect(leaf("ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n)R")).toBe(
      "a tensor of another device",
    );
    const types = storage("torch.storage\nUntypedStorage", "0", "K\x10");
    for (const type of [
      "uint1",
      "int7",
      "bits1x8",
      "bits16",
      "float8_e5m2",
      "float8_e4m3fnuz",
      "float8_e8m0fnu",
    ]) {
      expect(leaf(vector(`\x89)ctorch\n${type}\n`, types, V3))).toBe(`a tensor of torch.${type}`);
    }
    for (const kind of [
      "ComplexFloat",
      "ComplexDouble",
      "QInt8",
      "QUInt8",
      "QInt32",
      "QUInt4x2",
      "QUInt2x4",
    ]) {
      expect(leaf(vector("\x89)", storage(`torch\n${kind}Storage`)))).toMatch(
        /^a tensor of torch\.(complex|q)/,
      );
    }
  });

  it("of no elements needs no storage, and one in order shares what another one has", () => {
    const empty = `${V2}(${storage("torch\nFloatStorage", "7")}K\x09K\0\x85K\x02\x85\x89)tR`;
    expect(tensor(empty)).toEqual({ dtype: "F32", shape: [0], data: new Float32Array(0) });
    // A stride along one element is moot: [2, 1, 2] from the start is row by row.
    const row = `${V2}(${storage()}K\0(K\x02K\x01K\x02t(K\x02K\x63K\x01t\x89)tR`;
    const [a, b] = readTorchCheckpoint(file(`(${row}${row}t`, members)) as unknown as StoredTensor[];
    expect([...a!.data]).toEqual([1, 2, 3, 4]);
    expect(a!.data.buffer).toBe(b!.data.buffer);
    const column = `${V2}(${storage()}K\0(K\x02K\x02t(K\x01K\x02t\x89)tR`;
    expect([...tensor(column).data]).toEqual([1, 3, 2, 4]);
  });
});

describe("what is refused, in full words:", () => {
  const T = "a tensor's";
  const bad = (place: string) => `${V2}(${storage()}${place}\x89)tR`;
  const type =
    "an element type among torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool";
  const classes = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"];
  const others = ["ComplexFloat", "ComplexDouble", "QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4"];
  const storages = [...classes, ...others].map((name) => `torch.${name}Storage`).join(", ");
  const refused: [string, string][] = [
    ["0", "a value on the pickle's stack before byte 1, got none"],
    ["(0", "a value on the pickle's stack before byte 2, got none"],
    ["Nt", "a mark on the pickle's stack before byte 2, got none"],
    ["h\x07", "the pickle to have remembered its value 7, got nothing"],
    ["NK\x01a", "a list before byte 4, got None"],
    ["NNNs", "a dict before byte 4, got None"],
    ["}(Nu", "a value for every key of a dict, got one too few"],
    ["NN", "a pickle of one value, got 2 values"],
    ["ctorch", "a line's end in the pickle, got none: is it cut off?"],
    ["K", "1 more bytes of a pickle at byte 2, got 0: is it cut off?"],
    ["\x8c\x02\xff\xfe", "text in UTF-8 before byte 4, got other bytes"],
    ["\x8c\x03\xed\xa0\x7f", "text in UTF-8 before byte 5, got other bytes"],
    ["NN\x93", "a global's module and name to be text, got None"],
    ["\x8c\x01aC\0\x93", "a global's module and name to be text, got bytes"],
    ["ctorch\nSize\nNR", "a tuple of arguments for torch.Size, got None"],
    ["ctorch\nSize\n(" + "N".repeat(17) + "tR", "at most 16 arguments for torch.Size, got 17"],
    ["NNb", "a state for a dict alone, got one for None"],
    ["]Nb", "a state for a dict alone, got one for a list"],
    ["ctorch\nSize\nNb", "a state for a dict alone, got one for torch.Size"],
    ["\x01", "a pickle of plain data and tensors, got opcode 0x1 at byte 0"],
    ["N)R", "plain data and tensors, nothing that Python would have to import and run, got None"],
    ["}N\x85R", "plain data and tensors, nothing that Python would have to import and run, got a dict"],
    ["ccollections\nOrderedDict\nN\x85R", "a dict's entries, got None"],
    ["ccollections\nOrderedDict\n(K\x01\x85t\x85R", "a dict's entries, got a list"],
    ["ccollections\nOrderedDict\n((NNNtt\x85R", "a dict's entries, got a list"],
    ["cbuiltins\nbytes\n\x8c\x02\xc4\x80\x85R", "bytes, written as Latin-1, got a string"],
    ["cbuiltins\nbytes\n\x8c\x01a\x8c\x04utf8\x86R", "bytes, written as Latin-1, got a string"],
    ["cbuiltins\nbytes\nK\x01\x85R", "bytes, written as Latin-1, got a number"],
    ["NQ", "persistent ids of storages, got None"],
    ["(\x8c\x07storageNNNtQ", "persistent ids of storages, got a list"],
    ["(\x8c\x05otherNNNNtQ", "persistent ids of storages, got a list"],
    ["(\x8c\x07storageNNNNNNtQ", "persistent ids of storages, got a list"],
    [
      storage("torch\nOddStorage"),
      `a storage among ${storages}, torch.storage.UntypedStorage, got torch.OddStorage`,
    ],
    ["(\x8c\x07storagectorch\nIntStorage\nNNNtQ", "a storage's key to be text, got None"],
    [storage("torch\nIntStorage", "5", "J\xff\xff\xff\xff"), "the length of storage 5 to be a size, got -1"],
    [
      storage("torch\nIntStorage", "5", "\x8a\x08\0\0\0\0\0\0\0\x40"),
      "the length of storage 5 to be a size, got 4611686018427387904",
    ],
    [
      storage("torch\nIntStorage", "5", "K\x01", ")t"),
      "storages that are not views of others (PyTorch 0.x), got a view, 5",
    ],
    [
      storage() + storage("torch\nFloatStorage", "0", "K\x05"),
      "storage 0 to be of one type and length, got two descriptions",
    ],
    [
      storage() + storage("torch\nIntStorage"),
      "storage 0 to be of one type and length, got two descriptions",
    ],
    [`${V2})R`, "a tensor on a storage, got None"],
    [`${V2}(Nt\x85R`, "a tensor on a storage, got a list"],
    [`${V2}(${vector("\x89)")}K\0K\x01\x85K\x01\x85\x89)tR`, "a tensor on a storage, got a tensor"],
    [`${V2}(${storage()}tR`, `${T} offset to be a size, got undefined`],
    [bad("NK\x01\x85K\x01\x85"), `${T} offset to be a size, got None`],
    [bad("K\0K\x01K\x01\x85"), `${T} shape to be a list of sizes, got 1`],
    [bad("K\0N\x85K\x01\x85"), `${T} shape to be a list of sizes, got a list`],
    [bad("K\0K\x01\x85}"), `${T} strides to be a list of sizes, got a dict`],
    [bad("K\0K\x01\x85J\xff\xff\xff\xff\x85"), `${T} strides to be a list of sizes, got [-1]`],
    [bad(`K\0(${"K\x01".repeat(65)}tK\x01\x85`), `${T} shape to have at most 64 axes, got 65`],
    [bad("K\0K\x01K\x01\x86K\x01\x85"), "2 strides, got 1"],
    [
      bad("K\0K\x05\x85K\x01\x85"),
      "a tensor of shape [5] within its storage of 4 elements, got strides [1] from 0",
    ],
    [
      bad("K\x01(K\x02K\x02t(K\x02K\x01t"),
      "a tensor of shape [2, 2] within its storage of 4 elements, got strides [2, 1] from 1",
    ],
    [vector("\x89)", storage("torch.storage\nUntypedStorage", "0", "K\x10")), `${type}, got undefined`],
    [
      vector("\x89)ctorch\nfloat33\n", storage("torch.storage\nUntypedStorage", "0", "K\x10"), V3),
      `${type}, got torch.float33`,
    ],
    [vector("\x89)", storage("torch.storage\nUntypedStorage", "0", "K\x10"), V3), `${type}, got None`],
    [vector("\x89)\x88"), "a tensor's metadata to be a dict, got a boolean"],
    [vector("\x89)"), "the zip to have a/data/0, got none"],
  ];
  it.each(refused)("%j", (pickle, message) => {
    expect(() => read(pickle)).toThrow(`readTorchCheckpoint: expected ${message}.`);
  });

  it("exactly 16 arguments, 64 axes and 100 levels are taken", () => {
    expect(read(`ctorch\ndevice\n(${"N".repeat(16)}tR`)).toHaveLength(16);
    const axes = `(${"K\x01".repeat(64)}t`;
    const tensor = readTorchCheckpoint(file(bad(`K\x03${axes}${axes}`), members)) as StoredTensor;
    expect([tensor.shape.length, ...tensor.data]).toEqual([64, 4]);
    const nested = (levels: number) => "]".repeat(levels) + "a".repeat(levels - 1);
    expect(read(nested(100))).toHaveLength(1);
    expect(() => read(nested(101))).toThrow(
      "readTorchCheckpoint: expected at most 100 levels of lists and dicts, got more.",
    );
  });

  it("a storage of other bytes than it is said to have", () => {
    const of = (content: Uint8Array) => () =>
      readTorchCheckpoint(file(vector("\x89)"), { "a/data/0": content }));
    expect(of(new Uint8Array(15))).toThrow("expected 16 bytes in a/data/0, got 15 bytes.");
    expect(of(new Uint8Array(17))).toThrow("expected 16 bytes in a/data/0, got 17 bytes.");
  });

  it("what no file of torch.save begins with, or has in it", () => {
    const tar = new Uint8Array(600).fill(1);
    tar.set(ascii("ustar"), 257);
    const what =
      "readTorchCheckpoint: expected a file of torch.save, a zip or the format before PyTorch 1.6, got ";
    expect(() => readTorchCheckpoint(tar)).toThrow(`${what}a tar: the format before PyTorch 0.1.10.`);
    expect(() => readTorchCheckpoint(tar.fill(2, 261, 262))).toThrow(`${what}bytes that begin with 01 01`);
    const zip = (name: string) => () =>
      readTorchCheckpoint(zipSync({ [name]: new Uint8Array(1) }, { level: 0 }));
    for (const name of ["data.pkl", "a/b/data.pkl", "a/data.pkl.x", "a/xdata.pkl"]) {
      expect(zip(name)).toThrow(
        `readTorchCheckpoint: expected a zip of torch.save, with data.pkl in a folder, got ["${name}"].`,
      );
    }
    expect(() => readTorchCheckpoint(file("N", { "a/byteorder": Uint8Array.of(1) }))).toThrow(
      "readTorchCheckpoint: expected a checkpoint of a little-endian machine, got another byte order.",
    );
    expect(readTorchCheckpoint(file("N", { "a/byteorder": Uint8Array.from(ascii("little")) }))).toBe(null);
    expect(() => readTorchCheckpoint(file("N", { "a/constants.pkl": Uint8Array.of(1) }))).toThrow(
      "readTorchCheckpoint: expected tensors saved by torch.save, got a TorchScript program: save its state_dict() instead.",
    );
  });
});

describe("the format before PyTorch 1.6, by hand", () => {
  const MAGIC = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
  const SYSTEM = "}\x8c\x0dlittle_endian\x88s.";
  const old =
    (...parts: string[]) =>
    () =>
      readTorchCheckpoint(Uint8Array.from(ascii(MAGIC + parts.join(""))));
  const version = "M\xe9\x03.";
  const place = `\x04${"\0".repeat(7)}${String.fromCharCode(...bytesOf(1, 2, 3, 4))}`;
  const keys = "(\x8c\x010t.";

  it("is read: its object, the list of its storages, and each of them after its length", () => {
    expect(old(version, SYSTEM, `${vector("\x89)")}.`, keys, place)()).toEqual({
      dtype: "F32",
      shape: [2],
      data: Float32Array.of(2, 4),
    });
    expect(old(version, SYSTEM, "K\x07.", ").")()).toBe(7);
  });

  it("is refused where a part of it is another", () => {
    const said: [() => unknown, string][] = [
      [old("M\xea\x03."), "version 1001 of the format before PyTorch 1.6, got 1002"],
      [old("N."), "version 1001 of the format before PyTorch 1.6, got None"],
      [old(version, "N."), "a checkpoint of a little-endian machine, got another byte order"],
      [
        old(version, SYSTEM.replace("\x88", "\x89")),
        "a checkpoint of a little-endian machine, got another byte order",
      ],
      [old(version, SYSTEM, "N.", "N."), "a list of storages' keys, got None"],
      [old(version, SYSTEM, "N.", "(K\x01t."), "a list of storages' keys, got a list"],
      [old(version, SYSTEM, "N.", keys), "tensors on every storage of the file, got none on storage 0"],
      [old(version, SYSTEM, `${vector("\x89)")}.`, ")."), "the file to have storage 0, got none"],
      [old(version, SYSTEM, "N.", ").", "x"), "nothing after the last storage, got 1 bytes"],
    ];
    for (const [call, message] of said) expect(call).toThrow(`readTorchCheckpoint: expected ${message}.`);
    const tensor = `${vector("\x89)")}.`;
    expect(old(version, SYSTEM, tensor, keys, place.slice(0, -1))).toThrow(
      /expected 24 bytes for storage 0 at byte \d+, got 23: is the file cut off\?\.$/,
    );
    expect(old(version, SYSTEM, tensor, keys, `\x05${place.slice(1)}`)).toThrow(
      "readTorchCheckpoint: expected 4 elements in storage 0, got 5.",
    );
  });
});
