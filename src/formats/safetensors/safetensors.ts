import { MOST } from "../../bounds.js";
import { check, checkNamed } from "../../check.js";
import { builtInOf, bytesOf, otherThanSafetensors } from "../bytes.js";
import {
  DTYPE_ARRAYS,
  isDType,
  isShape,
  isSizes,
  sizeOf,
  type DType,
  type StateDict,
  type StoredTensor,
} from "../state-dict.js";
import { decodeUtf8, parseJson, scanJson } from "../json.js";

// The format: https://github.com/huggingface/safetensors#format. An 8-byte little-endian header length, the header in
// JSON, then the tensors' bytes without gaps. Numbers are little-endian, as on every platform that runs JavaScript.

const DECODE = "decodeSafetensors";
const ENCODE = "encodeSafetensors";
const HEADER = "the header";
/** An entry of the header is an object with lists. */
const LIMITS = { depth: 3 };

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file. Nothing in the file is trusted: every offset, size and type is checked first.
 *
 * @param source the whole file: a Uint8Array or an ArrayBuffer
 * @returns tensors by name, in an object without a prototype. Where the alignment allows it, `data` is a view of
 *   `source`, not a copy
 * @throws if the file is truncated, too long, or a page or pointer in place of it; the header is not valid or exceeds 100 MB or
 *   a million values (about 140,000 tensors), its metadata are not text, a dtype is unknown, or tensors overlap, leave
 *   gaps, have more than 64 axes, or do not have the number of bytes that their shape and dtype ask for
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "cfd-distill/formats";
 * const weight = { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } as const;
 * const tensors = decodeSafetensors(encodeSafetensors({ weight }));
 * console.log(tensors["weight"]?.data); // Float32Array [1, 2]
 * ```
 */
export function decodeSafetensors(source: Uint8Array | ArrayBufferLike): StateDict {
  const { bytes, header, start } = readHeader(source);
  readMetadata(header);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value));
  checkLayout(entries, bytes.length - start);
  const tensors = Object.create(null) as StateDict;
  for (const entry of entries) tensors[entry.name] = readTensor(entry, bytes, start);
  return tensors;
}

/**
 * Reads the free text that a safetensors file carries beside its tensors.
 *
 * @param source the whole file: a Uint8Array or an ArrayBuffer
 * @returns text by key, in an object without a prototype; empty if the file has none
 * @throws if the header is not valid, or that is not text
 * @example
 * ```ts
 * import { encodeSafetensors, safetensorsMetadata } from "cfd-distill/formats";
 * const bytes = encodeSafetensors({}, { author: "me" });
 * console.log(safetensorsMetadata(bytes)["author"]); // "me"
 * ```
 */
export function safetensorsMetadata(source: Uint8Array | ArrayBufferLike): Record<string, string> {
  return readMetadata(readHeader(source).header);
}

function readMetadata(header: Readonly<Record<string, unknown>>): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  const members = header.__metadata__ ?? {}; // null is what some writers put for none
  check(isObject(members), DECODE, "__metadata__ to be an object of strings", members);
  for (const [key, value] of Object.entries(members)) {
    check(typeof value === "string", DECODE, `__metadata__ "${key}" to be a string`, value);
    metadata[key] = value;
  }
  return metadata;
}

/**
 * Writes a safetensors file, byte for byte as Python's `safetensors` does: tensors sorted by dtype, then name.
 *
 * @param tensors what to write, by name
 * @param metadata free text beside the tensors
 * @returns the whole file
 * @throws if a tensor's data is not of its dtype's array type or not as long as its shape asks for, or the
 *   header would exceed 100 MB or a million values (about 140,000 tensors)
 * @example
 * ```ts
 * import { encodeSafetensors } from "cfd-distill/formats";
 * const bias = { dtype: "I64", shape: [], data: new BigInt64Array([7n]) } as const;
 * const bytes = encodeSafetensors({ bias }, { note: "one number" });
 * console.log(bytes.length % 8); // 0
 * ```
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  checkNamed(tensors, ENCODE, "tensors by name");
  checkNamed(metadata, ENCODE, "metadata, texts by name");
  const order = sortTensors(tensors);
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", sortMetadata(metadata));
  let end = 0;
  for (const [name, { dtype, shape, data }] of order) {
    const begin = end;
    end += data.byteLength;
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const text = stringify(header);
  scanJson(text, ENCODE, HEADER, LIMITS);
  const json = toBytes(text);
  const length = Math.ceil(json.length / 8) * 8;
  check(length <= MOST.headerBytes, ENCODE, `a header of at most ${MOST.headerBytes} bytes`, length);
  const bytes = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  let offset = 8 + length;
  for (const [, { data }] of order) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function readHeader(source: unknown) {
  const bytes = bytesOf(DECODE, source);
  const other = otherThanSafetensors(bytes);
  const isLong = other === undefined && bytes.length >= 8;
  check(isLong, DECODE, "a safetensors file of at least 8 bytes", other ?? `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  check(length <= MOST.headerBytes, DECODE, `a header of at most ${MOST.headerBytes} bytes`, length);
  const start = 8 + length;
  check(start <= bytes.length, DECODE, `a header of ${length} bytes`, `a file of ${bytes.length} bytes`);
  const text = decodeUtf8(bytes.subarray(8, start), DECODE, HEADER);
  const header = parseJson(text, DECODE, HEADER, LIMITS);
  check(isObject(header) && text.startsWith("{"), DECODE, "the header to be a JSON object", text);
  return { bytes, header: header as Record<string, unknown>, start };
}

function readEntry(name: string, value: unknown): Entry {
  check(isObject(value), DECODE, `tensor "${name}" to be described by an object`, value);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  check(
    isDType(dtype),
    DECODE,
    `the dtype of "${name}" among ${Object.keys(DTYPE_ARRAYS).join(", ")}`,
    dtype,
  );
  check(isShape(shape), DECODE, `the shape of "${name}" to be a list of sizes`, shape);
  check(shape.length <= MOST.axes, DECODE, `at most ${MOST.axes} axes of "${name}"`, shape.length);
  const isRange = isSizes(offsets) && offsets.length === 2;
  check(isRange, DECODE, `data_offsets of "${name}" to be [begin, end]`, offsets);
  const [begin, end] = offsets as [number, number];
  const expected = sizeOf(shape) * DTYPE_ARRAYS[dtype].BYTES_PER_ELEMENT;
  const what = `${expected} bytes for "${name}", ${dtype} [${shape.join(", ")}]`;
  check(end - begin === expected, DECODE, what, `data_offsets [${begin}, ${end}]`);
  return { name, dtype: dtype, shape, begin, end };
}

/** Tensors must cover the bytes after the header exactly: no gap, no overlap, nothing left. */
function checkLayout(entries: readonly Entry[], length: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    check(begin === covered, DECODE, `"${name}" to begin at byte ${covered}, without gap or overlap`, begin);
    covered = end;
  }
  check(covered === length, DECODE, `${covered} bytes of tensors`, `${length} bytes`);
}

function readTensor({ dtype, shape, begin, end }: Entry, bytes: Uint8Array, start: number): StoredTensor {
  const ArrayType = DTYPE_ARRAYS[dtype];
  const offset = bytes.byteOffset + start + begin;
  const length = (end - begin) / ArrayType.BYTES_PER_ELEMENT;
  const aligned = offset % ArrayType.BYTES_PER_ELEMENT === 0;
  const copy = () => new Uint8Array(bytes.subarray(start + begin, start + end)).buffer;
  const data = aligned ? new ArrayType(bytes.buffer as ArrayBuffer, offset, length) : new ArrayType(copy());
  return { dtype, shape, data } as StoredTensor;
}

/** The reference implementation's order: by dtype, widest first, then by the bytes of the name. */
function sortTensors(tensors: Readonly<Record<string, StoredTensor>>): [string, StoredTensor][] {
  const dtypes = Object.keys(DTYPE_ARRAYS);
  const keyed = Object.entries(tensors).map(([name, tensor]) => {
    checkStored(name, tensor);
    return { name, tensor, bytes: toBytes(name), rank: dtypes.indexOf(tensor.dtype) };
  });
  keyed.sort((a, b) => b.rank - a.rank || compareBytes(a.bytes, b.bytes));
  return keyed.map(({ name, tensor }) => [name, tensor]);
}

function checkStored(name: string, tensor: StoredTensor): void {
  check(name !== "__metadata__", ENCODE, 'names other than "__metadata__"', name);
  check(!/\p{Surrogate}/u.test(name), ENCODE, "names that are well-formed text", name);
  const known = isObject(tensor) && isDType(tensor.dtype);
  check(known, ENCODE, `"${name}" to have a dtype among ${Object.keys(DTYPE_ARRAYS).join(", ")}`, tensor);
  const { dtype, shape, data } = tensor;
  const array = DTYPE_ARRAYS[dtype].name;
  check(builtInOf(data) === array, ENCODE, `"${name}" (${dtype}) to hold a ${array}`, builtInOf(data));
  check(isShape(shape), ENCODE, `the shape of "${name}" to be a list of sizes`, shape);
  const what = `${sizeOf(shape)} elements in "${name}", [${shape.join(", ")}]`;
  check(data.length === sizeOf(shape), ENCODE, what, data.length);
}

function sortMetadata(metadata: Readonly<Record<string, string>>): Map<string, string> {
  for (const [key, value] of Object.entries(metadata)) {
    check(typeof value === "string", ENCODE, `metadata "${key}" to be a string`, value);
    check(!/\p{Surrogate}/u.test(`${key} ${value}`), ENCODE, "metadata that are well-formed text", key);
  }
  const compare = (a: string, b: string) => compareBytes(toBytes(a), toBytes(b));
  return new Map(Object.entries(metadata).sort(([a], [b]) => compare(a, b)));
}

/** JSON of a map in the map's own order; objects would move names like "7" to the front and lose "__proto__". */
function stringify(value: unknown): string {
  if (!(value instanceof Map)) return JSON.stringify(value);
  const members = [...(value as Map<string, unknown>)].map(
    ([k, v]) => `${JSON.stringify(k)}:${stringify(v)}`,
  );
  return `{${members.join(",")}}`;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
