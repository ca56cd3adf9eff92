import { fail } from "../check.js";
import { builtInOf } from "./bytes.js";

/** How each stored type lies in memory. F16, BF16 and both of 8 bits are kept as their raw bits, BOOL as one byte. */
export interface DTypeArrays {
  readonly BOOL: Uint8Array;
  readonly U8: Uint8Array;
  readonly I8: Int8Array;
  readonly F8_E5M2: Uint8Array;
  readonly F8_E4M3: Uint8Array;
  readonly I16: Int16Array;
  readonly U16: Uint16Array;
  readonly F16: Uint16Array;
  readonly BF16: Uint16Array;
  readonly I32: Int32Array;
  readonly U32: Uint32Array;
  readonly F32: Float32Array;
  readonly F64: Float64Array;
  readonly I64: BigInt64Array;
  readonly U64: BigUint64Array;
}

/** The element types of stored tensors, by their safetensors names. */
export type DType = keyof DTypeArrays;

/** The array that holds each type. */
export const DTYPE_ARRAYS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const satisfies { [D in DType]: new (length: number) => DTypeArrays[D] };

/**
 * A tensor on the host, as files hold it: row-major `data` with one element per entry of `shape` ([] is a scalar).
 * F16 and BF16 data are raw bits in a Uint16Array, F8_E5M2 and F8_E4M3 in a Uint8Array ({@link toFloat32} reads them), I64
 * data is a BigInt64Array.
 */
export type StoredTensor = {
  readonly [D in DType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: DTypeArrays[D];
  };
}[DType];

/** Named tensors on the host: what a PyTorch `state_dict()` is once decoded. */
export type StateDict = Record<string, StoredTensor>;

/** Whether a value names one of the types. */
export function isDType(value: unknown): value is DType {
  return typeof value === "string" && Object.hasOwn(DTYPE_ARRAYS, value);
}

/** Whether a value is a tensor whose data are what its type and shape say: a dict of a file may look like one. */
export function isStoredTensor(value: unknown): value is StoredTensor {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, data } = value as Partial<StoredTensor>;
  if (!isDType(dtype) || !Array.isArray(shape)) return false;
  const sized = shape.every(Number.isSafeInteger);
  const typed = builtInOf(data) === DTYPE_ARRAYS[dtype].name;
  return sized && typed && data?.length === sizeOf(shape as number[]);
}

/** A list of sizes. */
export function isSizes(value: unknown): value is number[] {
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0;
  return Array.isArray(value) && value.every(isSize);
}

/** A list of sizes whose product is still an exact integer. */
export function isShape(value: unknown): value is number[] {
  return isSizes(value) && Number.isSafeInteger(sizeOf(value));
}

/** The number of elements of a tensor of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * The values of a stored tensor of any type as float32: those of 8 and 16 bits, F32 and small integers exactly, the others
 * rounded to the nearest float32.
 *
 * @param tensor a stored tensor; it is not changed
 * @returns a new array with one number per element
 * @throws if the dtype is not a known one
 * @example
 * ```ts
 * import { toFloat32 } from "cfd-distill/formats";
 * const half = { dtype: "F16", shape: [2], data: new Uint16Array([0x3c00, 0xc000]) } as const;
 * console.log(toFloat32(half)); // Float32Array [1, -2]
 * ```
 */
export function toFloat32(tensor: StoredTensor): Float32Array {
  if (isDType(tensor?.dtype)) {
    const [array, kind] = [DTYPE_ARRAYS[tensor.dtype].name, builtInOf(tensor.data)];
    if (kind !== array) fail("toFloat32", `${tensor.dtype} in a ${array}`, kind);
  }
  switch (tensor?.dtype) {
    case "F16":
      return lookUpHalves(tensor.data);
    case "BF16":
      return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits << 16).buffer);
    case "F8_E5M2": // the first half of a binary16
      return lookUpHalves(Uint16Array.from(tensor.data, (bits) => bits << 8));
    case "F8_E4M3":
      return Float32Array.from(tensor.data, quarterValue);
    case "I64":
    case "U64":
      return Float32Array.from(tensor.data as ArrayLike<bigint>, Number);
    case "BOOL":
    case "U8":
    case "I8":
    case "I16":
    case "U16":
    case "I32":
    case "U32":
    case "F32":
    case "F64":
      return new Float32Array(tensor.data);
    default:
      return fail("toFloat32", `a dtype among ${Object.keys(DTYPE_ARRAYS).join(", ")}`, tensor);
  }
}

/**
 * Rounds float32 values to 16 bits: to nearest, ties to even, beyond the range to infinity (IEEE 754).
 *
 * @param values float32 values, not changed
 * @param shape the tensor's shape
 * @param dtype "F32" copies, "F16" and "BF16" round
 * @returns a stored tensor
 * @throws if the shape does not have as many elements as there are values
 * @example
 * ```ts
 * import { fromFloat32 } from "cfd-distill/formats";
 * const half = fromFloat32(new Float32Array([1, 65520]), [2], "F16");
 * console.log(half.data); // Uint16Array [0x3c00, 0x7c00]: 1 and infinity
 * ```
 */
export function fromFloat32(
  values: Float32Array,
  shape: readonly number[],
  dtype: "F32" | "F16" | "BF16",
): StoredTensor {
  const kind = builtInOf(values);
  if (kind !== "Float32Array") fail("fromFloat32", "values in a Float32Array", kind);
  if (!isShape(shape)) fail("fromFloat32", "shape to be a list of sizes", shape);
  if (sizeOf(shape) !== values.length) {
    fail("fromFloat32", `${sizeOf(shape)} values for shape [${shape.join(", ")}]`, values.length);
  }
  if (dtype === "F32") return { dtype, shape, data: values.slice() };
  const bits = new Uint32Array(values.slice().buffer);
  if (dtype === "F16") return { dtype, shape, data: Uint16Array.from(bits, halfBits) };
  if (dtype === "BF16") return { dtype, shape, data: Uint16Array.from(bits, brainBits) };
  return fail("fromFloat32", "dtype F32, F16 or BF16", dtype);
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);
let halves: Float32Array | undefined;

/** All 65,536 halves are tabulated at first use: a power per element would be slow for millions of weights. */
function lookUpHalves(data: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfValue(bits));
  const table = halves;
  const values = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) values[i] = table[data[i]!]!;
  return values;
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** 1 sign bit, 4 exponent bits (bias 7), 3 fraction bits; no infinities (Micikevicius et al. 2022, arXiv 2209.05433, sec. 3). */
function quarterValue(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 0xf;
  const fraction = bits & 0x7;
  if (exponent === 0xf && fraction === 0x7) return NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}

/** The 32 bits of a float32 to the 16 of the nearest binary16, ties to even. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and more round to infinity
  if (magnitude >= 0x38800000) {
    // A normal half: move the exponent's bias from 127 to 15 and round 13 fraction bits away.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // A subnormal half counts units of 2^-24, which is the spacing of float32 just above 0.5.
  floatBits[0] = magnitude;
  float[0] = float[0]! + 0.5;
  return sign | (floatBits[0] - 0x3f000000);
}

/** bfloat16 is the upper half of a float32. */
function brainBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
