import type { Tensor } from "@tensorflow/tfjs";
import { distance } from "fastest-levenshtein";

/** Throws the library's one form of error: who complains, what it expected, what it got. */
export function fail(where: string, expected: string, got: unknown): never {
  throw new Error(`${where}: expected ${expected}, got ${describe(got)}.`);
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
  check(typeof options === "object" && (options as unknown) !== null, where, "an object of options", options);
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(names, key)) fail(where, nearest(Object.keys(names), key), key);
  }
}

/** What to say where `got` is none of `names`. */
function nearest(names: readonly string[], got: string): string {
  const best = [...names].sort((a, b) => distance(a, got) - distance(b, got))[0] ?? "";
  const close = distance(best, got) <= Math.max(2, got.length / 3);
  return close ? `option ${best}` : `only the options ${names.join(", ") || "none"}`;
}

/** `value` as an error message shows it: short, and never an exception of its own. */
export function describe(value: unknown): string {
  if (typeof value === "string") return value.length > 200 ? `${value.slice(0, 200)}…` : value;
  if (isTensor(value)) return `a tensor of shape [${value.shape.join(", ")}]`;
  if (typeof value === "number" || typeof value === "bigint" || value === undefined) return String(value);
  if (typeof value === "function") return "a function";
  if (ArrayBuffer.isView(value)) return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  try {
    const text = JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "bigint" ? String(inner) : inner,
    );
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  } catch {
    return "a value that JSON cannot show"; // a cycle, or nested too deeply
  }
}

/** Array.isArray without its cast to any[]. */
function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

/** Whether `value` is a tensor of any engine. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "dataId" in value && "shape" in value;
}

export function checkPositiveInteger(value: unknown, where: string, name: string): asserts value is number {
  check(Number.isInteger(value) && (value as number) >= 1, where, `${name} to be a positive integer`, value);
}

/** Images are [batch, height, width, channels]. */
export function checkImages(tensor: unknown, where: string, name: string): void {
  check(
    isTensor(tensor) && tensor.rank === 4,
    where,
    `${name} to be a tensor [batch, height, width, channels]`,
    tensor,
  );
}

export function checkSameShape(a: Tensor, b: Tensor, where: string, names: string): void {
  const same = a.rank === b.rank && a.shape.every((size, axis) => size === b.shape[axis]);
  check(same, where, `${names} of one shape`, `[${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
}

/** `times` holds one number in [0, 1] per sample. */
export function checkTimes(times: readonly number[], batch: number, where: string): void {
  check(isArray(times), where, "times to be an array of numbers", times);
  check(times.length === batch, where, `${batch} times, one per sample`, `${times.length} times`);
  const outside = times.find((t) => !(t >= 0 && t <= 1));
  check(outside === undefined, where, "every time in [0, 1]", outside);
}

/** `labels`, if given, holds one integer >= -1 per sample. */
export function checkLabels(labels: readonly number[] | undefined, batch: number, where: string): void {
  if (labels === undefined) return;
  check(isArray(labels), where, "labels to be an array of integers", labels);
  check(labels.length === batch, where, `${batch} labels, one per sample`, `${labels.length} labels`);
  const bad = labels.find((label) => !Number.isInteger(label) || label < -1);
  check(bad === undefined, where, "every label to be an integer >= -1", bad);
}
