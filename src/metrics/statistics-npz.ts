import { check, checkOptions, fail, quoted } from "../check.js";
import { builtInOf } from "../formats/bytes.js";
import { toFloat32, type StoredTensor } from "../formats/state-dict.js";
import { decodeNpz, encodeNpz } from "../formats/numpy/npz.js";
import type { FeatureStatistics } from "./statistics.js";

const FROM = "statisticsFromNpz";

/**
 * Statistics as the .npz file that pytorch-fid reads: `mu` and `sigma` in float64, and `count`, which it ignores.
 *
 * @param statistics mean, covariance and count
 * @returns the file's bytes
 * @throws if the covariance does not fit the mean, values are not finite, or the count is no integer of at least 2
 * @example
 * ```ts
 * import { statisticsFromNpz, statisticsToNpz } from "cfd-distill/metrics";
 * const bytes = statisticsToNpz({ mean: new Float64Array([1]), covariance: new Float64Array([4]), count: 10 });
 * console.log(statisticsFromNpz(bytes)); // the same again
 * ```
 */
export function statisticsToNpz(statistics: FeatureStatistics): Uint8Array {
  const where = "statisticsToNpz";
  checkOptions(where, statistics, { mean: true, covariance: true, count: true });
  const { mean, covariance, count } = statistics;
  const isCount = Number.isSafeInteger(count) && count >= 2;
  check(isCount, where, "a count of at least 2", quoted(count));
  for (const [name, values] of Object.entries({ mean, covariance })) {
    const kind = builtInOf(values);
    check(kind === "Float64Array", where, `${name} in a Float64Array`, kind);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    check(bad < 0, where, `finite numbers in ${name}`, values[bad]);
  }
  const width = mean.length;
  check(covariance.length === width ** 2, where, `a covariance of ${width} x ${width}`, covariance.length);
  return encodeNpz({
    mu: { dtype: "F64", shape: [width], data: mean },
    sigma: { dtype: "F64", shape: [width, width], data: covariance },
    count: { dtype: "I64", shape: [], data: new BigInt64Array([BigInt(count)]) },
  });
}

/**
 * Reads statistics from a .npz file with `mu` and `sigma`, such as the reference statistics of pytorch-fid.
 *
 * @param source the whole file: a Uint8Array or an ArrayBuffer. What else it holds may be of any type
 * @param options `count`: how many vectors they are of, where the file has no entry of that name (pytorch-fid's have none)
 * @returns statistics for {@link frechetDistance}
 * @throws if an entry is missing or of another shape, values are not finite, or the file and the option have no count, or
 *   two
 * @example
 * ```ts
 * import { encodeNpz } from "cfd-distill/formats";
 * import { statisticsFromNpz } from "cfd-distill/metrics";
 * const mu = { dtype: "F64", shape: [1], data: new Float64Array([1]) } as const;
 * const sigma = { dtype: "F64", shape: [1, 1], data: new Float64Array([4]) } as const;
 * console.log(statisticsFromNpz(encodeNpz({ mu, sigma }), { count: 50_000 }).count); // 50000
 * ```
 */
export function statisticsFromNpz(
  source: Uint8Array | ArrayBufferLike,
  options: { readonly count?: number } = {},
): FeatureStatistics {
  checkOptions(FROM, options, { count: true });
  const { mu, sigma, count } = decodeNpz(source, { names: ["mu", "sigma", "count"] });
  if (mu?.shape.length !== 1 || mu.shape[0] === 0) fail(FROM, 'an entry "mu" [width]', mu?.shape);
  const width = mu.shape[0]!;
  const square = sigma?.shape.length === 2 && sigma.shape.every((size) => size === width);
  if (!sigma || !square) fail(FROM, `an entry "sigma" [${width}, ${width}]`, sigma?.shape);
  const mean = numbersOf(mu, "mu");
  const covariance = numbersOf(sigma, "sigma");
  return { mean, covariance, count: countOf(count, options.count) };
}

function numbersOf(stored: StoredTensor, name: string): Float64Array {
  const values = valuesOf(stored);
  const bad = values.find((value) => !Number.isFinite(value));
  check(bad === undefined, FROM, `finite numbers in "${name}"`, bad);
  return values;
}

/** The numbers themselves, which 16 bits of a float are not. */
function valuesOf(stored: StoredTensor): Float64Array {
  const { dtype, data } = stored;
  const isHalf = dtype === "F16" || dtype === "BF16";
  return Float64Array.from((isHalf ? toFloat32(stored) : data) as ArrayLike<number | bigint>, Number);
}

function countOf(stored: StoredTensor | undefined, given: number | undefined): number {
  const counts = [...(stored ? valuesOf(stored).slice(0, 2) : []), ...(given === undefined ? [] : [given])];
  const [count = 0] = counts;
  const valid = counts.length === 1 && Number.isSafeInteger(count) && count >= 2;
  check(valid, FROM, 'one count of at least 2, in an entry "count" or else in options.count', counts);
  return count;
}
