import { MOST } from "../../bounds.js";
import { check, checkNamed, fail } from "../../check.js";
import { builtInOf, contentOf } from "../bytes.js";
import {
  DTYPE_ARRAYS,
  isShape,
  sizeOf,
  type DType,
  type DTypeArrays,
  type StoredTensor,
} from "../state-dict.js";
import { gather } from "../torch/storages.js";

// NumPy's .npy: a magic number, a version, a header that is the text of a Python dictionary, the elements
// (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

/** The types that are written, under their NumPy names. */
const WRITTEN = { "<f4": "F32", "<f8": "F64", "<i8": "I64" } as const;
/** The types that are read, in either byte order. */
const READ: Readonly<Record<string, DType>> = {
  ...{ b1: "BOOL", u1: "U8", i1: "I8", u2: "U16", i2: "I16", u4: "U32", i4: "I32", u8: "U64", i8: "I64" },
  ...{ f2: "F16", f4: "F32", f8: "F64" },
};
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const HEADER =
  /^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(((?:\d+L?, *)*(?:\d+L?)? *)\),?\s*\}\s*$/;

/** Reads one array; `name` is for messages. */
export function decodeNpy(bytes: Uint8Array, name: string, where: string): StoredTensor {
  const { text, start } = headerOf(bytes, name, where);
  const [, descr = "", fortran, sizes = ""] =
    HEADER.exec(text) ?? fail(where, `"${name}" to have NumPy's header`, text.trim());
  const [, order, type = ""] = /^([<>|])(.*)$/u.exec(descr) ?? [];
  const known = Object.hasOwn(READ, type);
  check(known, where, `"${name}" to be of type ${Object.keys(READ).join(", ")}`, descr);
  const dtype = READ[type]!;
  const ArrayType = DTYPE_ARRAYS[dtype];
  const shape = Array.from(sizes.matchAll(/\d+/g), ([size]) => Number(size));
  check(shape.length <= MOST.axes, where, `at most ${MOST.axes} axes of "${name}"`, shape.length);
  const expected = sizeOf(shape) * ArrayType.BYTES_PER_ELEMENT;
  const found = bytes.length - start;
  check(expected === found, where, `${expected} bytes for "${name}" [${shape.join(", ")}]`, `${found} bytes`);
  const content = bytes.slice(start);
  if (order === ">") reverseEach(content, ArrayType.BYTES_PER_ELEMENT);
  const data = new ArrayType(content.buffer);
  return { dtype, shape, data: fortran === "True" ? rowMajor(data, shape) : data } as StoredTensor;
}

/** Turns the byte order of elements around, in place. */
function reverseEach(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function headerOf(bytes: Uint8Array, name: string, where: string): { text: string; start: number } {
  const [major, minor] = [bytes[6], bytes[7]];
  const begins = MAGIC.every((byte, i) => bytes[i] === byte);
  check(begins, where, `"${name}" to be a .npy file`, `another beginning (${contentOf(bytes)})`);
  const version = `${major}.${minor}`;
  check(
    ["1.0", "2.0", "3.0"].includes(version),
    where,
    `"${name}" to be of version 1.0, 2.0 or 3.0`,
    version,
  );
  const start = major === 1 ? 10 : 12;
  check(bytes.length >= start, where, `"${name}" to have a header`, `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const found = bytes.length - start;
  check(length <= Math.min(found, 10_000), where, `a header of "${name}" within its ${found} bytes`, length);
  return { text: new TextDecoder().decode(bytes.subarray(start, start + length)), start: start + length };
}

/** Elements whose first index runs fastest, in the order in which the last one does. */
function rowMajor<A extends DTypeArrays[DType]>(data: A, shape: readonly number[]): A {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  return gather(data, { offset: 0, shape, strides }, data.slice() as A);
}

/** Writes one array, byte for byte as `numpy.save` does. */
export function encodeNpy(stored: StoredTensor, name: string, where: string): Uint8Array {
  checkNamed(stored, where, `"${name}" to be { dtype, shape, data }`);
  const { dtype, shape, data } = stored;
  const entry = Object.entries(WRITTEN).find(([, ours]) => ours === dtype);
  if (entry === undefined) fail(where, `"${name}" to be of type ${Object.values(WRITTEN).join(", ")}`, dtype);
  const array = DTYPE_ARRAYS[dtype].name;
  check(builtInOf(data) === array, where, `"${name}" to hold a ${array}`, builtInOf(data));
  check(isShape(shape), where, `the shape of "${name}" to be a list of sizes`, shape);
  check(data.length === sizeOf(shape), where, `${sizeOf(shape)} elements in "${name}"`, data.length);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${entry[0]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // NumPy leaves room for a first axis of 21 digits, and ends at a multiple of 64 with a line feed.
  const growth = shape.length === 0 ? 0 : 21 - String(shape[0]).length;
  const start = Math.ceil((10 + text.length + growth + 1) / 64) * 64;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(start - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}
