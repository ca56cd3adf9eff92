import { check, fail } from "../../check.js";
import { fileBytes } from "../bytes.js";
import { type StoredTensor } from "../state-dict.js";
import { globalName, IMPORTED, kindOf, type PickleValue } from "./pickle.js";
import { readTorchFile, TORCH_FILE } from "./files.js";
import { GLOBALS, isValue } from "./globals.js";
import { windowReader, type Window } from "./storages.js";
import { UnreadLeaf } from "./unread.js";

const READ = "readTorchCheckpoint";
const MAX_DEPTH = 100;

/**
 * What a PyTorch checkpoint holds: dicts as objects without a prototype (a key that is a number, None or a tuple becomes
 * its text), lists, tuples and sets as arrays, None as null, element types and the like by their names, tensors and
 * parameters as {@link StoredTensor}, and what is not read as {@link UnreadLeaf}.
 */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StoredTensor
  | UnreadLeaf
  | readonly TorchValue[]
  | { readonly [key: string]: TorchValue };

/**
 * Reads a file that `torch.save` wrote: the zip of PyTorch 1.6 and later, or the format before. It never runs or
 * imports anything: the pickle inside may name what `torch.load(weights_only=True)` allows by itself, and any other thing
 * is an error with its name. Of that it builds plain data and dense tensors of float, integer or boolean type; the others
 * (sparse, quantised, complex, of 8-bit floats, ...) become leaves with a name, so that the rest can be used. Attributes
 * of tensors are dropped. Nothing else in the file is trusted either; time and memory are bounded by its length.
 *
 * @param source the whole file: a Uint8Array or an ArrayBuffer
 * @returns the saved object as a plain tree whose leaves are numbers, text and tensors on the host: row-major, of the
 *   shape they had, copied out of the file. Tensors that shared a storage share memory here as well, unless their
 *   strides ask for a copy
 * @throws if the file is of another kind (a page, say, or a Git LFS pointer), cut off, damaged, compressed, or big-endian; if it names anything that Python
 *   would have to import; if storages share bytes of the file or a tensor reaches out of its storage; or if it is nested
 *   more than 100 levels deep
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { disposeParams } from "cfd-distill";
 * import { readTorchCheckpoint, unetFromTorch, type StateDict } from "cfd-distill/formats";
 * const checkpoint = readTorchCheckpoint(await readFile("ckpt.pt")) as Record<string, StateDict>;
 * const { network, params } = unetFromTorch(checkpoint["ema_model"]!);
 * disposeParams(params);
 * ```
 */
export function readTorchCheckpoint(source: Uint8Array | ArrayBufferLike): TorchValue {
  const file = fileBytes(READ, TORCH_FILE, source);
  const { value, bytesOf } = readTorchFile(file, GLOBALS, READ);
  const budget = Math.max(4 * file.length, 2 ** 24);
  return plain(value, windowReader(bytesOf, budget, READ), budget);
}

/** The tree without maps and windows. Each object is converted once, however often it is referred to. */
function plain(value: PickleValue, tensorOf: (window: Window) => StoredTensor, budget: number): TorchValue {
  const done = new Map<object, TorchValue>();
  const open = new Set<object>();
  const nameOf = keyNamer(budget);
  const convert = (node: PickleValue): TorchValue => {
    if (typeof node !== "object" || node === null || node instanceof Uint8Array) return node;
    const known = done.get(node);
    if (known !== undefined) return known;
    if (open.has(node)) return new UnreadLeaf(`${kindOf(node)} that contains itself`);
    check(open.size < MAX_DEPTH, READ, `at most ${MAX_DEPTH} levels of lists and dicts`, "more");
    open.add(node);
    const converted = convertNew(node);
    open.delete(node);
    done.set(node, converted);
    return converted;
  };
  const convertNew = (node: object & PickleValue): TorchValue => {
    if (node instanceof Map) return objectOf(node, convert, nameOf);
    if (Array.isArray(node)) return node.map(convert);
    if ("opaque" in node && node.opaque === "a tensor") return tensorOf(node as Window);
    return valueName(node) ?? new UnreadLeaf(kindOf(node));
  };
  return convert(value);
}

/** The name of a global that a checkpoint may hold, such as an element type; undefined for what is none. */
function valueName(value: PickleValue): string | undefined {
  const name = globalName(value);
  return name === undefined || isValue(name) ? name : fail(READ, IMPORTED, name);
}

/** Bytes as Python shows them. */
function textOfBytes(bytes: Uint8Array): string {
  const characters = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `b'${characters.join("")}'`;
}

function objectOf(
  dict: ReadonlyMap<PickleValue, PickleValue>,
  convert: (value: PickleValue) => TorchValue,
  nameOf: (key: PickleValue) => string | undefined,
): TorchValue {
  const object = Object.create(null) as Record<string, TorchValue>;
  for (const [key, value] of dict) {
    const name = typeof key === "string" ? key : nameOf(key);
    if (name === undefined) return new UnreadLeaf(`a dict with ${kindOf(key)} as a key`);
    const twice = Object.hasOwn(object, name);
    object[name] = twice ? new UnreadLeaf(`two values, of keys that both read ${name}`) : convert(value);
  }
  return object;
}

/**
 * Turns keys that are not text into text, bytes and a tuple as Python shows them; undefined where that says nothing. These
 * take at most `budget` characters together, as many may refer to one.
 */
function keyNamer(budget: number): (key: PickleValue) => string | undefined {
  let left = budget;
  const spent = (text: string | undefined): string | undefined => {
    left -= text?.length ?? 0;
    check(left >= 0, READ, `bytes and tuples as keys of at most ${budget} characters together`, "more");
    return text;
  };
  const part = (value: PickleValue) => spent(typeof value === "string" ? `'${value}'` : keyText(value));
  const keyText = (key: PickleValue): string | undefined => {
    if (key === null) return "None";
    if (key instanceof Uint8Array) return spent(textOfBytes(key));
    if (!Array.isArray(key)) return typeof key === "object" ? valueName(key) : String(key);
    const texts: string[] = [];
    for (const member of key) {
      const text = part(member);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    return texts.length === 1 ? `(${texts[0]},)` : `(${texts.join(", ")})`;
  };
  return keyText;
}
