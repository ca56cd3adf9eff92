import { MOST } from "../../bounds.js";
import { check, fail } from "../../check.js";
import { DTYPE_ARRAYS, sizeOf, type DType, type StoredTensor } from "../state-dict.js";
import { globalName, kindOf, type PickleValue } from "./pickle.js";

// A PyTorch tensor is a window with strides onto a storage, which several tensors may share.

/** A storage that a checkpoint speaks of before its bytes are read. */
export interface Storage {
  readonly opaque: "a storage";
  readonly key: string;
  /** PyTorch's name of its element type; absent for an untyped storage, where each tensor says it. */
  readonly type: string | undefined;
  /** Elements, or bytes if untyped. */
  readonly length: number;
}

/** A tensor that a checkpoint describes, before its storage's bytes are read. */
export interface Window {
  readonly opaque: "a tensor";
  readonly storage: Storage;
  readonly dtype: DType;
  /** In elements. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** PyTorch's element types that there are here. */
export const DTYPES: Readonly<Record<string, DType>> = {
  "torch.float32": "F32",
  "torch.float64": "F64",
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.int64": "I64",
  "torch.int32": "I32",
  "torch.int16": "I16",
  "torch.int8": "I8",
  "torch.uint8": "U8",
  "torch.uint16": "U16",
  "torch.uint32": "U32",
  "torch.uint64": "U64",
  "torch.bool": "BOOL",
};

/** Those of PyTorch's that there are not, where a storage's class says them, with the bytes of an element. */
const OTHER_BYTES: Readonly<Record<string, number>> = {
  "torch.complex64": 8,
  "torch.complex128": 16,
  "torch.qint8": 1,
  "torch.quint8": 1,
  "torch.qint32": 4,
  "torch.quint4x2": 1,
  "torch.quint2x4": 1,
};

/** Those that are said for an untyped storage alone: smaller than a byte, or of 8 bits in many ways. */
const OTHER_TYPE =
  /^torch\.(u?int[1-7]|bits(8|16|1x8|2x4|4x2)|complex32|float(8_e\dm\d(fn|fnuz|fnu)?|4_e2m1fn_x2))$/;

/** Whether PyTorch has an element type of this name. */
export function isTorchType(name: string): boolean {
  return Object.hasOwn(DTYPES, name) || Object.hasOwn(OTHER_BYTES, name) || OTHER_TYPE.test(name);
}

/** PyTorch's names of its storages' classes; an untyped storage has bytes. */
const STORAGES: Readonly<Record<string, string | undefined>> = {
  "torch.FloatStorage": "torch.float32",
  "torch.DoubleStorage": "torch.float64",
  "torch.HalfStorage": "torch.float16",
  "torch.BFloat16Storage": "torch.bfloat16",
  "torch.LongStorage": "torch.int64",
  "torch.IntStorage": "torch.int32",
  "torch.ShortStorage": "torch.int16",
  "torch.CharStorage": "torch.int8",
  "torch.ByteStorage": "torch.uint8",
  "torch.BoolStorage": "torch.bool",
  "torch.ComplexFloatStorage": "torch.complex64",
  "torch.ComplexDoubleStorage": "torch.complex128",
  "torch.QInt8Storage": "torch.qint8",
  "torch.QUInt8Storage": "torch.quint8",
  "torch.QInt32Storage": "torch.qint32",
  "torch.QUInt4x2Storage": "torch.quint4x2",
  "torch.QUInt2x4Storage": "torch.quint2x4",
  "torch.storage.UntypedStorage": undefined,
};

/** Whether PyTorch has a class of storages of this name; those of a GPU are saved as those of the CPU, but for a few. */
export function isStorageClass(name: string): boolean {
  return Object.hasOwn(STORAGES, storageName(name));
}

const storageName = (name: string) => name.replace("torch.cuda.", "torch.");

/** Whether a pickle's value is one of its storages. */
export function isStorage(value: PickleValue | undefined): value is Storage {
  return typeof value === "object" && value !== null && "opaque" in value && value.opaque === "a storage";
}

/** A pickle's persistent id: ("storage", class, key, device, elements), and before 1.6 a view's place, if it is one. */
export function readStorage(id: PickleValue, where: string): Storage {
  const isTuple = Array.isArray(id) && (id.length === 5 || id.length === 6) && id[0] === "storage";
  if (!isTuple) fail(where, "persistent ids of storages", kindOf(id));
  const [, type, key, , length, view = null] = id as [string, PickleValue, ...PickleValue[]];
  const name = storageName(globalName(type) ?? kindOf(type));
  if (!isStorageClass(name)) fail(where, `a storage among ${Object.keys(STORAGES).join(", ")}`, name);
  if (typeof key !== "string") fail(where, "a storage's key to be text", kindOf(key!));
  if (!isSize(length)) fail(where, `the length of storage ${key} to be a size`, shown(length!));
  if (view !== null) fail(where, "storages that are not views of others (PyTorch 0.x)", `a view, ${key}`);
  return { opaque: "a storage", key, type: STORAGES[name], length };
}

/** The bytes that a storage must have. */
export function byteLengthOf({ type, length }: Storage): number {
  if (type === undefined) return length;
  const dtype = DTYPES[type];
  return length * (dtype === undefined ? OTHER_BYTES[type]! : DTYPE_ARRAYS[dtype].BYTES_PER_ELEMENT);
}

/** Throws unless every element of the window lies in its storage. */
export function checkWindow({ storage, dtype, offset, shape, strides }: Window, where: string): void {
  if (!isSize(offset)) fail(where, "a tensor's offset to be a size", shown(offset));
  for (const [name, sizes] of Object.entries<unknown>({ shape, strides })) {
    if (!Array.isArray(sizes)) fail(where, `a tensor's ${name} to be a list of sizes`, shown(sizes));
    check(
      sizes.length <= MOST.axes,
      where,
      `a tensor's ${name} to have at most ${MOST.axes} axes`,
      sizes.length,
    );
    if (!sizes.every(isSize)) fail(where, `a tensor's ${name} to be a list of sizes`, shown(sizes));
  }
  check(shape.length === strides.length, where, `${shape.length} strides`, strides.length);
  if (shape.includes(0)) return;
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  const length = Math.floor(byteLengthOf(storage) / DTYPE_ARRAYS[dtype].BYTES_PER_ELEMENT);
  const what = `a tensor of shape [${shape.join(", ")}] within its storage of ${length} elements`;
  check(last < length, where, what, `strides [${strides.join(", ")}] from ${offset}`);
}

/**
 * Turns windows into tensors, row by row where they do not lie so already. Tensors that do share the memory of their
 * storage; the others are copies, of at most `budget` bytes together, as a window may be far larger than its storage.
 */
export function windowReader(bytesOf: (storage: Storage) => Uint8Array, budget: number, where: string) {
  const aligned = new Map<string, ArrayBuffer>();
  let copied = 0;
  const bufferOf = (storage: Storage) => {
    const known = aligned.get(storage.key);
    if (known !== undefined) return known;
    const buffer = new Uint8Array(bytesOf(storage)).buffer;
    aligned.set(storage.key, buffer);
    return buffer;
  };
  return (window: Window): StoredTensor => {
    const { dtype, shape, storage, offset } = window;
    const ArrayType = DTYPE_ARRAYS[dtype];
    const length = sizeOf(shape);
    if (length === 0) return { dtype, shape, data: new ArrayType(0) } as StoredTensor;
    if (isRowMajor(window)) {
      const data = new ArrayType(bufferOf(storage), offset * ArrayType.BYTES_PER_ELEMENT, length);
      return { dtype, shape, data } as StoredTensor;
    }
    copied += length * ArrayType.BYTES_PER_ELEMENT;
    if (!(copied <= budget)) fail(where, `tensors whose copies take at most ${budget} bytes`, copied);
    const buffer = bufferOf(storage);
    const source = new ArrayType(buffer, 0, Math.floor(buffer.byteLength / ArrayType.BYTES_PER_ELEMENT));
    return { dtype, shape, data: gather(source, window, new ArrayType(length)) } as StoredTensor;
  };
}

/** A value of a pickle in an error message: numbers as they are. What may hold itself a billion times over is not written out. */
function shown(value: unknown): unknown {
  const isNumber = (one: unknown) => typeof one === "number" || typeof one === "bigint";
  if (value === undefined || isNumber(value)) return value;
  return Array.isArray(value) && value.every(isNumber) ? value : kindOf(value as PickleValue);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether the elements lie one behind the other in the order of their indices; a stride along one element is moot. */
function isRowMajor({ shape, strides }: Window): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis]!;
  }
  return true;
}

/** Copies a window's elements in the order of their indices. */
export function gather<T extends { [i: number]: unknown; readonly length: number }>(
  source: T,
  { offset, shape, strides }: Pick<Window, "offset" | "shape" | "strides">,
  target: T,
): T {
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < target.length; i++) {
    target[i] = source[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}
