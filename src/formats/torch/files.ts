import { check, fail } from "../../check.js";
import { contentOf } from "../bytes.js";
import { kindOf, readPickle, type PickleGlobals, type PickleReader, type PickleValue } from "./pickle.js";
import { readStoredZip } from "../zip.js";
import { byteLengthOf, readStorage, type Storage } from "./storages.js";

// The two containers of torch.save: since PyTorch 1.6 a zip of uncompressed members, before that four pickles in a row
// and then the storages (torch/serialization.py, `_legacy_save`).

/** A checkpoint's pickled object, and the bytes of the storages that it speaks of. */
export interface TorchFile {
  readonly value: PickleValue;
  readonly bytesOf: (storage: Storage) => Uint8Array;
}

/** Reads either container; `globals` are what its pickle may name. */
export function readTorchFile(bytes: Uint8Array, globals: PickleGlobals, where: string): TorchFile {
  const storages = new Map<string, Storage>();
  const persistent = (id: PickleValue) => {
    const storage = readStorage(id, where);
    const known = storages.get(storage.key) ?? storage;
    const same = known.type === storage.type && known.length === storage.length;
    check(same, where, `storage ${storage.key} to be of one type and length`, "two descriptions");
    storages.set(storage.key, known);
    return known;
  };
  const reader = { where, globals, persistent };
  if (startsWith(bytes, 0, [0x50, 0x4b])) return readZip(bytes, reader);
  if (startsWith(bytes, 0, MAGIC)) return readLegacy(bytes, reader, storages);
  const isTar = startsWith(bytes, 257, [0x75, 0x73, 0x74, 0x61, 0x72]);
  return fail(where, TORCH_FILE, isTar ? "a tar: the format before PyTorch 0.1.10" : contentOf(bytes));
}

/** What is expected where a file is none of torch.save. */
export const TORCH_FILE = "a file of torch.save, a zip or the format before PyTorch 1.6";

/** A pickle of protocol 2 that begins with the integer 0x1950a86a20f9469cfc6c. */
const MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

function startsWith(bytes: Uint8Array, start: number, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[start + i] === byte);
}

function readZip(bytes: Uint8Array, reader: PickleReader): TorchFile {
  const { where } = reader;
  const members = readStoredZip(bytes, where);
  const pickle = [...members.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined)
    fail(where, "a zip of torch.save, with data.pkl in a folder", [...members.keys()]);
  const folder = pickle.slice(0, -"data.pkl".length);
  if (members.has(`${folder}constants.pkl`)) {
    fail(where, "tensors saved by torch.save", "a TorchScript program: save its state_dict() instead");
  }
  const order = members.get(`${folder}byteorder`);
  const little = order === undefined || new TextDecoder().decode(order) === "little";
  check(little, where, "a checkpoint of a little-endian machine", "another byte order");
  const bytesOf = (storage: Storage) => {
    const name = `${folder}data/${storage.key}`;
    const found = members.get(name) ?? fail(where, `the zip to have ${name}`, "none");
    const wanted = byteLengthOf(storage);
    check(found.length === wanted, where, `${wanted} bytes in ${name}`, `${found.length} bytes`);
    return found;
  };
  return { value: readPickle(members.get(pickle)!, 0, reader).value, bytesOf };
}

function readLegacy(
  bytes: Uint8Array,
  reader: PickleReader,
  storages: ReadonlyMap<string, Storage>,
): TorchFile {
  const { where } = reader;
  const version = readPickle(bytes, readPickle(bytes, 0, reader).end, reader);
  if (version.value !== 1001) {
    const got = typeof version.value === "number" ? version.value : kindOf(version.value);
    fail(where, "version 1001 of the format before PyTorch 1.6", got);
  }
  const system = readPickle(bytes, version.end, reader);
  const little = system.value instanceof Map && system.value.get("little_endian") === true;
  check(little, where, "a checkpoint of a little-endian machine", "another byte order");
  const object = readPickle(bytes, system.end, reader);
  const keys = readPickle(bytes, object.end, reader);
  const isKeys = Array.isArray(keys.value) && keys.value.every((key) => typeof key === "string");
  check(isKeys, where, "a list of storages' keys", kindOf(keys.value));
  const listed = keys.value.map((key) => {
    return storages.get(key) ?? fail(where, "tensors on every storage of the file", `none on storage ${key}`);
  });
  const places = placesOf(bytes, keys.end, listed, where);
  const bytesOf = ({ key }: Storage) =>
    places.get(key) ?? fail(where, `the file to have storage ${key}`, "none");
  return { value: object.value, bytesOf };
}

/** The storages lie one behind the other to the end of the file, each after its number of elements. */
function placesOf(bytes: Uint8Array, start: number, storages: readonly Storage[], where: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places = new Map<string, Uint8Array>();
  let at = start;
  for (const storage of storages) {
    const size = 8 + byteLengthOf(storage);
    const what = `${size} bytes for storage ${storage.key} at byte ${at}`;
    check(at + size <= bytes.length, where, what, `${bytes.length - at}: is the file cut off?`);
    const length = Number(view.getBigInt64(at, true));
    check(length === storage.length, where, `${storage.length} elements in storage ${storage.key}`, length);
    places.set(storage.key, bytes.subarray(at + 8, at + size));
    at += size;
  }
  check(at === bytes.length, where, "nothing after the last storage", `${bytes.length - at} bytes`);
  return places;
}
