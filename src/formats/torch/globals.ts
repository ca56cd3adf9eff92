import { check, fail } from "../../check.js";
import {
  globalName,
  IMPORTED,
  kindOf,
  MAX_ARGUMENTS,
  type PickleGlobals,
  type PickleValue,
  type Unread,
} from "./pickle.js";
import { checkWindow, DTYPES, isStorage, isStorageClass, isTorchType, type Window } from "./storages.js";

// What a checkpoint may name: everything that `torch.load(weights_only=True)` allows by itself
// (torch/_weights_only_unpickler.py and the safe globals that PyTorch's own modules add), and a few of plain Python.
// What is no plain data and no dense tensor of a type that there is here becomes a leaf with a name.

const READ = "readTorchCheckpoint";

const unread = (what: string) => (): Unread => ({ unread: what });

/** Rebuilders of tensors, which a tensor with attributes calls as well. */
const TENSORS: PickleGlobals = {
  "torch._utils._rebuild_tensor": (storage, ...place) => tensorOf(storage, place),
  // (storage, offset, shape, strides, requires_grad, hooks, metadata)
  "torch._utils._rebuild_tensor_v2": (storage, ...place) => asStored(tensorOf(storage, place), place[5]),
  // (storage, offset, shape, strides, requires_grad, hooks, dtype, metadata)
  "torch._utils._rebuild_tensor_v3": (storage, ...place) =>
    asStored(tensorOf(storage, place, place[5] ?? null), place[6]),
  "torch._utils._rebuild_parameter": (tensor = null) => tensor,
  "torch._utils._rebuild_parameter_with_state": (tensor = null) => tensor,
  "torch._utils._rebuild_sparse_tensor": unread("a sparse tensor"),
  "torch._utils._rebuild_qtensor": unread("a quantised tensor"),
  "torch._utils._rebuild_nested_tensor": unread("a nested tensor"),
  "torch._utils._rebuild_meta_tensor_no_storage": unread("a meta tensor, which has no values"),
  "torch._utils._rebuild_wrapper_subclass": unread("a tensor of a class of its own"),
  "torch._utils._rebuild_device_tensor_from_numpy": unread("a tensor of another device"),
  "torch._utils._rebuild_device_tensor_from_cpu_tensor": (tensor = null, type = null) =>
    isOfType(tensor, type) ? tensor : { unread: "a tensor of another device" },
  "torch.nested._internal.nested_tensor._rebuild_njt": unread("a nested tensor"),
};

const DISTRIBUTED = [
  ...["device_mesh.DeviceMesh", "_mesh_layout._FlatLayout", "_mesh_layout._MeshLayout", "tensor.DTensor"],
  ...["DTensorSpec", "TensorMeta", "ShardOrderEntry"].map((name) => `tensor._dtensor_spec.${name}`),
  ...["Partial", "Replicate", "Shard", "_StridedShard"].map((name) => `tensor.placement_types.${name}`),
];

const TYPED = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"];

/** Classes whose objects are leaves with a name: tensors of PyTorch 0.x, one spread over machines and what describes it. */
const CLASSES = [
  "torch.Tensor",
  ...["", "cuda.", "sparse.", "cuda.sparse."].flatMap((kind) =>
    TYPED.map((type) => `torch.${kind}${type}Tensor`),
  ),
  "torch.nn.parameter.Parameter",
  "torch.nested._internal.nested_tensor.NestedTensor",
  "torch._dynamo.decorators._DimRange",
  ...DISTRIBUTED.map((name) => `torch.distributed.${name}`),
];

/** Every call that a checkpoint may make. */
export const GLOBALS: PickleGlobals = {
  ...TENSORS,
  ...Object.fromEntries(CLASSES.map((name) => [name, unread(`an object of ${name}`)])),
  "collections.OrderedDict": (entries = []) => dictOf(entries),
  "collections.Counter": (counts = new Map()) => (counts instanceof Map ? counts : dictOf(counts)),
  "collections.defaultdict": () => new Map(),
  "builtins.set": (items = []) => items,
  "builtins.frozenset": (items = []) => items,
  "builtins.complex": unread("a complex number"),
  "builtins.bytes": (...args) => bytesOf(args),
  "builtins.bytearray": (...args) => bytesOf(args),
  "_codecs.encode": (...args) => bytesOf(args), // how protocol 2 writes bytes
  "torch.Size": (sizes = []) => sizes,
  "torch.device": (...names) => names,
  "torch.serialization._get_layout": (name = null) => name,
  // (rebuilder, class, its arguments, attributes): the attributes are dropped
  "torch._tensor._rebuild_from_type_v2": (rebuild = null, type = null, args = null) =>
    rebuilt(nameOf(rebuild), nameOf(type), args),
};

const SCHEMES = ["tensor_affine", "tensor_symmetric", "channel_affine", "channel_symmetric"];
const UNCALLED = [...SCHEMES, "channel_affine_float_qparams"].map((scheme) => `torch.per_${scheme}`);

/** Whether a checkpoint may hold this global itself, not what calling it makes: an element type, say. */
export function isValue(name: string): boolean {
  return isTorchType(name) || isStorageClass(name) || UNCALLED.includes(name) || Object.hasOwn(GLOBALS, name);
}

const nameOf = (value: PickleValue) => globalName(value) ?? kindOf(value);

function rebuilt(rebuild: string, type: string, args: PickleValue): PickleValue {
  check(CLASSES.includes(type), READ, IMPORTED, type);
  check(Object.hasOwn(TENSORS, rebuild), READ, IMPORTED, rebuild);
  const few = Array.isArray(args) && args.length <= MAX_ARGUMENTS;
  if (!few) fail(READ, `a tuple of at most ${MAX_ARGUMENTS} arguments for ${rebuild}`, kindOf(args));
  return TENSORS[rebuild]!(...args);
}

function dictOf(entries: PickleValue): Map<PickleValue, PickleValue> {
  const isPair = (entry: PickleValue) => Array.isArray(entry) && entry.length === 2;
  if (!Array.isArray(entries) || !entries.every(isPair)) fail(READ, "a dict's entries", kindOf(entries));
  return new Map(entries as [PickleValue, PickleValue][]);
}

/** Bytes, which protocol 2 writes as text in which each character is one of them. */
function bytesOf([value = "", encoding = "latin1"]: readonly PickleValue[]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const isLatin = encoding === "latin1" || encoding === "latin-1";
  if (typeof value === "string" && isLatin && !/[^\0-\xff]/.test(value)) {
    return Uint8Array.from(value, (character) => character.charCodeAt(0));
  }
  return fail(READ, "bytes, written as Latin-1", kindOf(value));
}

function tensorOf(
  storage: PickleValue | undefined,
  [offset, shape, strides]: readonly (PickleValue | undefined)[],
  type?: PickleValue,
): PickleValue {
  if (!isStorage(storage)) fail(READ, "a tensor on a storage", kindOf(storage ?? null));
  const name = type === undefined ? storage.type : nameOf(type);
  const known = name !== undefined && isTorchType(name);
  if (!known) fail(READ, `an element type among ${Object.keys(DTYPES).join(", ")}`, name);
  const dtype = DTYPES[name];
  if (dtype === undefined) return { unread: `a tensor of ${name}` };
  const window = { opaque: "a tensor", storage, dtype, offset, shape, strides } as Window;
  checkWindow(window, READ);
  return window;
}

/** Metadata may say that the numbers are to be negated or conjugated before they are used. */
function asStored(tensor: PickleValue, metadata: PickleValue = null): PickleValue {
  const isRead = typeof tensor === "object" && tensor !== null && !("unread" in tensor);
  if (metadata === null || !isRead) return tensor;
  if (!(metadata instanceof Map)) fail(READ, "a tensor's metadata to be a dict", kindOf(metadata));
  for (const [key, value] of metadata) {
    const name = typeof key === "string" ? key : kindOf(key);
    if (value !== false) return { unread: `a tensor with ${name}` };
  }
  return tensor;
}

function isOfType(tensor: PickleValue, type: PickleValue): boolean {
  const isTensor = typeof tensor === "object" && tensor !== null && "dtype" in tensor;
  return isTensor && (tensor as Window).dtype === DTYPES[nameOf(type)];
}
