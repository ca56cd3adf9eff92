import { check, fail } from "../check.js";
import { type DType, type StoredTensor } from "./dtypes.js";
import { globalName, kindOf, type PickleGlobals, type PickleValue } from "./pickle.js";
import { readTorchFile } from "./torch-files.js";
import { checkWindow, windowReader, type Storage, type Window } from "./torch-storages.js";

const READ = "readTorchCheckpoint";
const MAX_DEPTH = 100;

/**
 * What a PyTorch checkpoint holds: dicts as objects without a prototype (a key that is a number becomes its text),
 * lists, tuples and sets as arrays, None as null, tensors and parameters as {@link StoredTensor}.
 */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StoredTensor
  | readonly TorchValue[]
  | { readonly [key: string]: TorchValue };

/**
 * Reads a file that `torch.save` wrote: the zip of PyTorch 1.6 and later, or the format before. It never runs or
 * imports anything: the pickle inside may build plain data and tensors, and any other thing that it names is an
 * error with that name. Nothing else in the file is trusted either; time and memory are bounded by its length.
 *
 * @param bytes the whole file
 * @returns the saved object as a plain tree whose leaves are numbers, text and tensors on the host: row-major, of the
 *   shape they had, copied out of the file. Tensors that shared a storage share memory here as well, unless their
 *   strides ask for a copy
 * @throws if the file is of another kind, cut off, damaged, compressed, or big-endian; if it names anything but plain
 *   data and dense tensors of float, integer or boolean type; if storages share bytes of the file or a tensor reaches out
 *   of its storage; if an object contains itself; or if it is nested more than 100 levels deep
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { disposeParams, readTorchCheckpoint, unetFromTorch, type StateDict } from "cfd-distill";
 * const checkpoint = readTorchCheckpoint(await readFile("ckpt.pt")) as Record<string, StateDict>;
 * const { network, params } = unetFromTorch(checkpoint["ema_model"]!);
 * disposeParams(params);
 * ```
 */
export function readTorchCheckpoint(bytes: Uint8Array): TorchValue {
  check(bytes instanceof Uint8Array, READ, "a Uint8Array", bytes);
  const { value, bytesOf } = readTorchFile(bytes, GLOBALS, READ);
  const tensorOf = windowReader(bytesOf, Math.max(4 * bytes.length, 2 ** 24), READ);
  return plain(value, tensorOf);
}

/** Torch's names of element types, where a tensor on an untyped storage says them. */
const DTYPES: Readonly<Record<string, DType>> = {
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

/** The closed list of what a checkpoint may call. */
const GLOBALS: PickleGlobals = {
  "collections.OrderedDict": (entries = []) => dictOf(entries),
  "collections.defaultdict": () => new Map(),
  "__builtin__.set": (items = []) => items,
  "builtins.set": (items = []) => items, // protocol 3
  "_codecs.encode": (text = null, encoding = null) => latin1(text, encoding), // how protocol 2 writes bytes
  "torch.Size": (sizes = []) => sizes,
  "torch.device": (...names) => names,
  "torch._utils._rebuild_tensor": (storage, ...place) => windowOf(storage, place),
  // (storage, offset, shape, strides, requires_grad, hooks, metadata)
  "torch._utils._rebuild_tensor_v2": (storage, ...place) => asStored(windowOf(storage, place), place[5]),
  // (storage, offset, shape, strides, requires_grad, hooks, dtype, metadata)
  "torch._utils._rebuild_tensor_v3": (storage, ...place) =>
    asStored(windowOf(storage, place, place[5] ?? null), place[6]),
  "torch._utils._rebuild_parameter": (tensor = null) => tensor,
  "torch._utils._rebuild_parameter_with_state": (tensor = null) => tensor,
};

function dictOf(entries: PickleValue): Map<PickleValue, PickleValue> {
  const isPair = (entry: PickleValue) => Array.isArray(entry) && entry.length === 2;
  if (!Array.isArray(entries) || !entries.every(isPair)) fail(READ, "a dict's entries", kindOf(entries));
  return new Map(entries as [PickleValue, PickleValue][]);
}

function latin1(text: PickleValue, encoding: PickleValue): Uint8Array {
  const isLatin = typeof text === "string" && encoding === "latin1" && !/[^\0-\xff]/.test(text);
  if (!isLatin) fail(READ, "bytes, written as Latin-1", kindOf(text));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function windowOf(
  storage: PickleValue | undefined,
  [offset, shape, strides]: readonly (PickleValue | undefined)[],
  type?: PickleValue,
): PickleValue {
  if (!isOpaque(storage, "a storage")) fail(READ, "a tensor on a storage", kindOf(storage ?? null));
  const name = type === undefined ? undefined : (globalName(type) ?? kindOf(type));
  const dtype = name === undefined ? storage.dtype : DTYPES[name];
  if (dtype === undefined) fail(READ, `an element type among ${Object.keys(DTYPES).join(", ")}`, name);
  const window = { opaque: "a tensor", storage, dtype, offset, shape, strides } as Window;
  checkWindow(window, READ);
  return window;
}

/** Metadata may say that the numbers are to be negated or conjugated before they are used. */
function asStored(window: PickleValue, metadata: PickleValue = null): PickleValue {
  if (metadata === null) return window;
  if (!(metadata instanceof Map)) fail(READ, "a tensor's metadata to be a dict", kindOf(metadata));
  for (const [key, value] of metadata) {
    const name = typeof key === "string" ? key : kindOf(key);
    check(value === false, READ, "tensors as they are stored", `a tensor with ${name}`);
  }
  return window;
}

/** The tree without maps and windows. Each object is converted once, however often it is referred to. */
function plain(value: PickleValue, tensorOf: (window: Window) => StoredTensor): TorchValue {
  const done = new Map<object, TorchValue>();
  const open = new Set<object>();
  const convert = (node: PickleValue): TorchValue => {
    if (typeof node !== "object" || node === null || node instanceof Uint8Array) return node;
    const known = done.get(node);
    if (known !== undefined) return known;
    check(!open.has(node), READ, "objects that do not contain themselves", kindOf(node));
    check(open.size < MAX_DEPTH, READ, `at most ${MAX_DEPTH} levels of lists and dicts`, "more");
    open.add(node);
    const converted = convertNew(node);
    open.delete(node);
    done.set(node, converted);
    return converted;
  };
  const convertNew = (node: object & PickleValue): TorchValue => {
    if (isOpaque(node, "a tensor")) return tensorOf(node);
    if (node instanceof Map) return objectOf(node, convert);
    if (Array.isArray(node)) return node.map(convert);
    return fail(READ, "plain data and tensors", kindOf(node));
  };
  return convert(value);
}

function objectOf(
  dict: ReadonlyMap<PickleValue, PickleValue>,
  convert: (value: PickleValue) => TorchValue,
): TorchValue {
  const object = Object.create(null) as Record<string, TorchValue>;
  for (const [key, value] of dict) {
    const isName = typeof key === "string" || typeof key === "number" || typeof key === "boolean";
    if (!isName) fail(READ, "dicts whose keys are text or numbers", kindOf(key));
    const name = String(key);
    check(!Object.hasOwn(object, name), READ, "keys of a dict that differ as text", name);
    object[name] = convert(value);
  }
  return object;
}

function isOpaque(value: PickleValue | undefined, kind: "a storage"): value is Storage;
function isOpaque(value: PickleValue | undefined, kind: "a tensor"): value is Window;
function isOpaque(value: PickleValue | undefined, kind: string): boolean {
  return typeof value === "object" && value !== null && "opaque" in value && value.opaque === kind;
}
