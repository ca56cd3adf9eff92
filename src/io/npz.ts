import { unzipSync, zipSync, type UnzipFileInfo } from "fflate";
import { check, describe, fail } from "../check.js";
import type { StateDict, StoredTensor } from "./dtypes.js";
import { decodeNpy, encodeNpy } from "./npy.js";

const DECODE = "decodeNpz";
const MAX_BYTES = 2 ** 30;

/**
 * Reads a .npz file of NumPy, from `savez` or `savez_compressed`.
 *
 * @param bytes the whole file
 * @returns arrays of type float32, float64 or int64 by name, row by row, also where the file has Fortran's order
 * @throws if it is not a whole zip of .npy files, a name comes twice, an array is of another type (objects are pickles, and
 *   are never opened), a header lies about its size, or the arrays take more than 1 GiB
 * @see numpy.lib.format
 * @example
 * ```ts
 * import { decodeNpz, encodeNpz } from "cfd-distill";
 * const bytes = encodeNpz({ mu: { dtype: "F64", shape: [2], data: new Float64Array([1, 2]) } });
 * console.log(decodeNpz(bytes)["mu"]?.shape); // [2]
 * ```
 */
export function decodeNpz(bytes: Uint8Array): StateDict {
  check(bytes instanceof Uint8Array, DECODE, "a Uint8Array", bytes);
  return Object.fromEntries(
    Object.entries(unzip(bytes)).map(([file, content]) => {
      const name = file.slice(0, -".npy".length);
      return [name, decodeNpy(content, name, DECODE)];
    }),
  );
}

/** The members; what they are said to take is bounded before anything is expanded. */
function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  const seen = new Set<string>();
  let total = 0;
  const filter = ({ name, originalSize }: UnzipFileInfo) => {
    check(name.endsWith(".npy"), DECODE, "a zip of .npy files", name);
    check(!seen.has(name), DECODE, "every name once", name);
    seen.add(name);
    total += originalSize;
    check(total <= MAX_BYTES, DECODE, `arrays of at most ${MAX_BYTES} bytes`, total);
    return true;
  };
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith(DECODE)) throw error;
    return fail(DECODE, "a whole .npz file", `a damaged or another one (${describe(message)})`);
  }
}

/**
 * Writes a .npz file for `numpy.load`: not compressed, each array byte for byte as `numpy.save` writes it.
 *
 * @param arrays of type F32, F64 or I64, by name
 * @returns the whole file; equal arrays give equal bytes
 * @throws if an array is of another type, or its data is not of that type or not as long as its shape asks for
 * @see numpy.lib.format
 * @example
 * ```ts
 * import { encodeNpz } from "cfd-distill";
 * const bytes = encodeNpz({ count: { dtype: "I64", shape: [], data: new BigInt64Array([50_000n]) } });
 * console.log(bytes.length); // np.load(...)["count"] is 50000
 * ```
 */
export function encodeNpz(arrays: Readonly<Record<string, StoredTensor>>): Uint8Array {
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
