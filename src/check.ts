import type { Tensor, Tensor4D, Variable } from "./tfjs.js";
import { distance } from "fastest-levenshtein";
import type { Params } from "./types.js";

/** How much of what was expected is shown: a name in it may come from a file, and be as long as that. */
const WANTED = 1000;

/** Throws the library's one form of error: who complains, what it expected, what it got. */
export function fail(where: string, expected: string, got: unknown): never {
  const wanted = expected.length > WANTED ? `${expected.slice(0, WANTED)}…` : expected;
  throw new Error(`${where}: expected ${wanted}, got ${describe(got)}.`);
}

/** Throws by way of {@link fail} unless `condition` holds. */
export function check(condition: boolean, where: string, expected: string, got: unknown): asserts condition {
  if (!condition) fail(where, expected, got);
}

type KeyOf<T> = T extends unknown ? keyof T : never;

/**
 * Throws where `options` has a key that nobody reads: a misspelt option would be one that is silently left at its
 * default. `names` lists all of them, which its type holds it to; a key with the value undefined is as good as absent.
 */
export function checkOptions<T extends object>(
  where: string,
  options: T,
  names: Readonly<Required<Record<KeyOf<T>, true>>>,
): void {
  check(isPlain(options), where, "an object of options", options);
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(names, key))
      fail(where, expectedOption(Object.keys(names), key), key);
  }
}

/** Whether `value` is an object with entries, of any realm: no list, Map or Date, nor a promise that nobody awaited. */
function isPlain(value: unknown): value is object {
  const kind = Object.prototype.toString.call(value);
  return typeof value === "object" && (kind === "[object Object]" || kind === "[object Module]");
}

/** What to say where `got` is none of `names`. */
function expectedOption(names: readonly string[], got: string): string {
  const near = nearest(names, got);
  return near === undefined ? `only the options ${names.join(", ") || "none"}` : `option ${near}`;
}

/** Which of `names` somebody may have meant who wrote `got`; undefined if none is like it. */
export function nearest(names: readonly string[], got: string): string | undefined {
  const [best] = [...names].sort((a, b) => distance(a, got) - distance(b, got));
  return best !== undefined && distance(best, got) <= Math.max(2, got.length / 3) ? best : undefined;
}

/** `value` as an error message shows it: short, and never an exception of its own. */
export function describe(value: unknown): string {
  if (typeof value === "string") return value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
  if (isTensor(value)) return `a tensor of shape [${value.shape.join(", ")}]`;
  if (typeof value === "number" || typeof value === "bigint" || value === undefined) return String(value);
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise";
  if (ArrayBuffer.isView(value)) return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  try {
    const text = JSON.stringify(value, (_, inner: unknown) => shortened(inner));
    return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  } catch {
    return "a value that JSON cannot show"; // a cycle, or nested too deeply
  }
}

/** How many characters of a value an error message shows. */
const SHOWN = 200;

/** A part of a value for JSON, without what would be cut off: a state dict in a message may have millions of numbers. */
function shortened(inner: unknown): unknown {
  if (typeof inner === "bigint") return String(inner);
  if (ArrayBuffer.isView(inner)) return describe(inner);
  return Array.isArray(inner) && inner.length > SHOWN ? inner.slice(0, SHOWN) : inner;
}

/** Array.isArray without its cast to any[]. */
function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

/** Whether `value` is a tensor of any engine. One that was copied, say by a worker's message, has lost its methods. */
export function isTensor(value: unknown): value is Tensor {
  const { dataId, shape, clone } = (value ?? {}) as Partial<Record<keyof Tensor, unknown>>;
  return dataId !== undefined && isArray(shape) && typeof clone === "function";
}

/** Whether `value` is a number from `least` to `most`, both of them included. A string of digits is none, NaN neither. */
export function isNumber(
  value: unknown,
  least = -Number.MAX_VALUE,
  most = Number.MAX_VALUE,
): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

export function checkPositiveInteger(value: unknown, where: string, name: string): asserts value is number {
  check(Number.isInteger(value) && (value as number) >= 1, where, `${name} to be a positive integer`, value);
}

/** Throws unless each of `values` passes; a hole in the array is undefined. */
export function checkEach(
  values: readonly unknown[],
  passes: (value: unknown) => boolean,
  where: string,
  expected: string,
): void {
  const at = values.findIndex((value) => !passes(value));
  if (at < 0) return;
  fail(where, expected, quoted(values[at]));
}

/** `value` for an error message that expected a number: "1" is none. */
export function quoted(value: unknown): string {
  return describe(typeof value === "string" ? JSON.stringify(value) : value);
}

/** Named things, such as weights or terms, are an object with an entry for each. */
export function checkNamed(value: unknown, where: string, expected: string): void {
  check(isPlain(value) && !isTensor(value), where, expected, value);
}

/** Tensors by name, each of numbers in float32 that can still be read. */
export function checkTensors(named: object, where: string): void {
  for (const [name, tensor] of Object.entries(named) as [string, unknown][]) {
    check(isTensor(tensor), where, `${name} to be a tensor`, tensor);
    checkFloats(tensor, where, name);
  }
}

/** Weights are variables by name: an optimiser would pass over a mere tensor, as one that is not trainable. */
export function checkVariables(params: unknown, where: string): asserts params is Params {
  checkNamed(params, where, "params, weights by name");
  for (const [name, weight] of Object.entries(params as Readonly<Record<string, unknown>>)) {
    const isVariable = isTensor(weight) && typeof (weight as Partial<Variable>).trainable === "boolean";
    check(isVariable, where, `${name} to be a variable`, weight);
  }
}

/** Images are [batch, height, width, channels], of numbers in float32. */
export function checkImages(tensor: unknown, where: string, name: string): asserts tensor is Tensor4D {
  check(
    isTensor(tensor) && tensor.rank === 4,
    where,
    `${name} to be a tensor [batch, height, width, channels]`,
    tensor,
  );
  checkFloats(tensor, where, name);
}

/** Throws unless `tensor` has numbers in float32, and was not disposed. */
function checkFloats(tensor: Tensor, where: string, name: string): void {
  check(!tensor.isDisposed, where, `${name} to be a tensor in use`, "one that was disposed");
  check(tensor.dtype === "float32", where, `${name} to be of type float32`, tensor.dtype);
  check(tensor.size > 0, where, `${name} not to be empty`, tensor);
}

/** One row per sample: [batch, columns], of `batch` rows if that is given. */
export function checkRows(tensor: unknown, where: string, [name, columns]: RowsOf, batch?: number): void {
  const expected = `${name} [${batch ?? "batch"}, ${columns}]`;
  check(isTensor(tensor) && tensor.rank === 2, where, expected, tensor);
  check(batch === undefined || tensor.shape[0] === batch, where, expected, tensor);
  checkFloats(tensor, where, name);
}

type RowsOf = readonly [name: string, columns: string];

export function checkSameShape(a: Tensor, b: Tensor, where: string, names: string): void {
  const same = a.rank === b.rank && a.shape.every((size, axis) => size === b.shape[axis]);
  check(same, where, `${names} of one shape`, `[${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
}

/** `times` holds one number in [0, 1] per sample. */
export function checkTimes(times: readonly number[], batch: number, where: string): void {
  check(isArray(times), where, "times to be an array of numbers", times);
  check(times.length === batch, where, `${batch} times, one per sample`, `${times.length} times`);
  checkEach(times, (t) => isNumber(t, 0, 1), where, "every time in [0, 1]");
}

/** `labels`, if given, holds one integer >= -1 per sample. */
export function checkLabels(labels: readonly number[] | undefined, batch: number, where: string): void {
  if (labels === undefined) return;
  check(isArray(labels), where, "labels to be an array of integers", labels);
  check(labels.length === batch, where, `${batch} labels, one per sample`, `${labels.length} labels`);
  const passes = (label: unknown) => Number.isInteger(label) && (label as number) >= -1;
  checkEach(labels, passes, where, "every label to be an integer >= -1");
}

/** `seeds` holds one safe integer per image. */
export function checkSeeds(seeds: readonly number[] | undefined, where: string): asserts seeds is number[] {
  check(isArray(seeds), where, "seeds to be an array of safe integers", seeds);
  checkEach(seeds as readonly unknown[], Number.isSafeInteger, where, "every seed to be a safe integer");
}

const PREDICTION_TYPES: readonly unknown[] = ["x0", "eps", "v", "flow"];

/** A network's output stands for x0, eps, v or the flow. */
export function checkPredictionType(type: unknown, where: string): void {
  check(PREDICTION_TYPES.includes(type), where, `predictionType among ${PREDICTION_TYPES.join(", ")}`, type);
}

/** A denoiser is a function that says what it predicts. */
export function checkDenoiser(denoiser: unknown, where: string, name = "a denoiser"): void {
  check(typeof denoiser === "function", where, `${name} (a function with a predictionType)`, denoiser);
  checkPredictionType((denoiser as { readonly predictionType?: unknown }).predictionType, where);
}

interface Shaped {
  readonly shape: readonly number[];
}

/** Throws unless `got` has exactly the names and shapes of `expected`; the error says which differ. */
export function checkSameEntries(
  expected: Readonly<Record<string, Shaped>>,
  got: Readonly<Record<string, Shaped>>,
  where: string,
  what: string,
): void {
  checkNamed(expected, where, what);
  checkNamed(got, where, what);
  const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
  const differences = [...names].flatMap((name) => {
    const want = Object.hasOwn(expected, name) ? (expected[name] ?? undefined) : undefined;
    const have = Object.hasOwn(got, name) ? (got[name] ?? undefined) : undefined;
    if (want === undefined) return [`"${name}" ${text(have)} which does not belong there`];
    if (have === undefined) return [`no "${name}" ${text(want)}`];
    return text(want) === text(have) ? [] : [`"${name}" ${text(have)} instead of ${text(want)}`];
  });
  if (differences.length === 0) return;
  const more = differences.length > 5 ? `, and ${differences.length - 5} more differences` : "";
  fail(where, what, differences.slice(0, 5).join(", ") + more);
}

/** The shape of an entry, or what stands in the place of one that has none. */
function text(entry: Shaped | undefined): string {
  const shape: unknown = entry?.shape;
  return Array.isArray(shape) ? `[${shape.join(", ")}]` : describe(entry);
}
