import { MOST } from "../../bounds.js";
import { check } from "../../check.js";
import { contentOf, textIn } from "../bytes.js";
import { decodeUtf8, parseJson } from "../json.js";

/** A config of diffusers: what its JSON file holds. */
export type DiffusersConfig = Readonly<Record<string, unknown>>;

export const READ = "diffusersFromFiles";

/** A scheduler's own table has as many numbers as it has timesteps. */
const LIMITS = { values: 2 * MOST.steps };

/** Reads a JSON file that Python wrote: infinities and NaN, which are not JSON, become null. */
export function parseConfig(bytes: Uint8Array, file: string): DiffusersConfig {
  const page = textIn(bytes);
  const isJson = page?.startsWith("JSON") === true;
  check(isJson, READ, `${file} to be JSON`, page ?? contentOf(bytes));
  const text = decodeUtf8(bytes, READ, file).replace(/^\ufeff/u, "");
  const plain = text.replace(/(:\s*)(?:-?Infinity|NaN)(?=\s*[,}\n])/g, "$1null");
  const config = parseJson(plain, READ, file, LIMITS);
  const isObject = typeof config === "object" && config !== null && !Array.isArray(config);
  check(isObject, READ, `${file} to hold an object`, config);
  return config as DiffusersConfig;
}

/** Which keys of a config are known. */
export interface KnownKeys {
  readonly file: string;
  /** What a key is if the file lacks it; the code reads these. Numbers and booleans are of that type in the file too. */
  readonly defaults: DiffusersConfig;
  /** Keys that may be null although their default is a number. */
  readonly nullable?: readonly string[];
  /** Keys that must have one of these values, if they are there. */
  readonly only: Readonly<Record<string, readonly unknown[]>>;
  /** Keys that change nothing here. */
  readonly harmless: readonly string[];
}

/** The config with its defaults, or an error that names the key which this library does not support. */
export function complete(
  config: DiffusersConfig,
  { file, defaults, only, harmless, nullable = [] }: KnownKeys,
): DiffusersConfig {
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("_") || harmless.includes(key) || Object.hasOwn(defaults, key)) continue;
    check(Object.hasOwn(only, key), READ, `no "${key}" in ${file}, which is not supported`, value);
    const allowed = only[key]!;
    const expected = `"${key}" in ${file} to be ${allowed.map((one) => JSON.stringify(one)).join(" or ")}`;
    check(allowed.includes(value), READ, expected, value);
  }
  const given = Object.entries(config).filter(([key]) => Object.hasOwn(defaults, key));
  for (const [key, value] of given) {
    const type = typeof defaults[key];
    const typed = (type !== "number" && type !== "boolean") || typeof value === type;
    const nothing = value === null && nullable.includes(key);
    check(typed || nothing, READ, `"${key}" in ${file} to be a ${type}`, value);
  }
  return { ...defaults, ...Object.fromEntries(given) };
}
