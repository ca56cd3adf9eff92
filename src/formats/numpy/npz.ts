import { zipSync } from "fflate";
import { MOST } from "../../bounds.js";
import { check, checkNamed, checkOptions, quoted } from "../../check.js";
import { builtInOf, contentOf, fileBytes } from "../bytes.js";
import type { StateDict, StoredTensor } from "../state-dict.js";
import { decodeNpy, encodeNpy } from "./npy.js";
import { readZip } from "../zip.js";

const DECODE = "decodeNpz";
const WHOLE = "a whole .npz file";

/** Which arrays {@link decodeNpz} reads. */
export interface DecodeNpzOptions {
  /** By default all of them. Others are not looked at, and may be of any type and size; one that is not there is left out. */
  readonly names?: readonly string[];
}

/**
 * Reads a .npz file of NumPy, from `savez` or `savez_compressed`.
 *
 * @param source the whole file: a Uint8Array or an ArrayBuffer
 * @param options `names`: the arrays to read, where others may be of types that this library has not
 * @returns arrays by name, in an object without a prototype, of any real type (integers of 8 to 64 bits, float16 to float64, bool) and byte order, row by row,
 *   also where the file has Fortran's order
 * @throws if it is not a whole zip of .npy files, a checksum is wrong, a name comes twice, an array is of another type
 *   (objects are pickles, and are never opened), a header lies about its size, or the arrays that are read take more
 *   than 1 GiB
 * @see numpy.lib.format
 * @example
 * ```ts
 * import { decodeNpz, encodeNpz } from "cfd-distill/formats";
 * const bytes = encodeNpz({ mu: { dtype: "F64", shape: [2], data: new Float64Array([1, 2]) } });
 * console.log(decodeNpz(bytes)["mu"]?.shape); // [2]
 * ```
 */
export function decodeNpz(source: Uint8Array | ArrayBufferLike, options: DecodeNpzOptions = {}): StateDict {
  checkOptions(DECODE, options, { names: true });
  const { names } = options;
  const areNames = names === undefined || (builtInOf(names) === "Array" && names.every(isText));
  check(areNames, DECODE, "names to be a list of names", quoted(names));
  const bytes = fileBytes(DECODE, WHOLE, source);
  const members = readZip(bytes, DECODE, {
    whole: WHOLE,
    damaged: `a damaged or another one (${contentOf(bytes)})`,
  });
  const arrays = Object.create(null) as StateDict;
  let total = 0;
  for (const [file, member] of members) {
    const name = file.replace(/\.npy$/u, "");
    if (names && !names.includes(name)) continue;
    check(file.endsWith(".npy"), DECODE, "a zip of .npy files", file);
    total += member.size;
    check(total <= MOST.zipBytes, DECODE, `arrays of at most ${MOST.zipBytes} bytes`, total);
    arrays[name] = decodeNpy(member.read(), name, DECODE);
  }
  return arrays;
}

const isText = (value: unknown) => typeof value === "string";

/**
 * Writes a .npz file for `numpy.load`: not compressed, each array byte for byte as `numpy.save` writes it.
 *
 * @param arrays of type F32, F64 or I64, by name
 * @returns the whole file; equal arrays give equal bytes
 * @throws if an array is of another type, or its data is not of that type or not as long as its shape asks for
 * @see numpy.lib.format
 * @example
 * ```ts
 * import { encodeNpz } from "cfd-distill/formats";
 * const bytes = encodeNpz({ count: { dtype: "I64", shape: [], data: new BigInt64Array([50_000n]) } });
 * console.log(bytes.length); // np.load(...)["count"] is 50000
 * ```
 */
export function encodeNpz(arrays: Readonly<Record<string, StoredTensor>>): Uint8Array {
  checkNamed(arrays, "encodeNpz", "arrays by name");
  const files = Object.entries(arrays).map(([name, array]) => [
    `${name}.npy`,
    encodeNpy(array, name, "encodeNpz"),
  ]);
  // NumPy's date too, the first that a zip can have: local, as zips count time.
  return zipSync(Object.fromEntries(files) as Record<string, Uint8Array>, {
    level: 0,
    mtime: new Date(1980, 0, 1),
  });
}
