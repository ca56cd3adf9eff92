import { MOST } from "../../bounds.js";
import { check, fail } from "../../check.js";
import { parseJson, scanJson } from "../../formats/json.js";
import { IMAGE_SHAPE, isImageShape } from "../../models/unet-config.js";
import type { Clip } from "../../prediction/predict.js";
import { restoreRng, type RngState } from "../../rng.js";
import type { ScheduleConfig } from "../../schedules/schedule.js";
import type { PredictionType } from "../../types.js";
import type { OptimizerState } from "../optimizer.js";

/** What a checkpoint's metadata calls itself, and which version of the layout this code writes and reads. */
export const FORMAT = "cfd-distill";
const VERSION = 1;

/** An optimiser's state without its tensors. Before the first step its slots are empty. */
export interface OptimizerMetadata {
  readonly type: OptimizerState["type"];
  readonly step: number;
  readonly slots: readonly string[];
}

/** The part of a checkpoint that is not tensors: in the file one JSON text per key. */
export interface Metadata {
  readonly network: { readonly type: string };
  readonly statistics: readonly string[];
  readonly schedule?: ScheduleConfig | undefined;
  readonly predictionType?: PredictionType | undefined;
  readonly steps?: number | undefined;
  readonly clip?: Clip | undefined;
  readonly imageShape?: readonly [number, number, number] | undefined;
  readonly classNames?: readonly string[] | undefined;
  readonly optimizer?: OptimizerMetadata | undefined;
  readonly step?: number | undefined;
  readonly rng?: RngState | undefined;
  readonly stage?: string | undefined;
  readonly extra?: unknown;
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isSize = (value: unknown): value is number => isCount(value) && value !== 0;
const isList = (value: unknown): value is unknown[] => Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isNames = (value: unknown) => isList(value) && value.every(isText);
const LONGEST_NAME = 255; // of a folder, too
const isClassNames = (value: unknown) =>
  isList(value) &&
  value.every((name) => isText(name) && name.trim() !== "" && name.length <= LONGEST_NAME) &&
  new Set(value).size === value.length;
const hasType = (value: unknown) => isText((value as { type?: unknown } | null)?.type);

/** What each key must hold, in words and as a test. */
const RULES: Readonly<Record<keyof Metadata, readonly [string, (value: unknown) => boolean]>> = {
  network: ["a network's config", hasType],
  statistics: ["a list of names", isNames],
  schedule: ["a schedule's config", hasType],
  predictionType: ["x0, eps, v or flow", (value) => ["x0", "eps", "v", "flow"].includes(value as string)],
  steps: [`a positive integer of at most ${MOST.steps}`, (value) => isSize(value) && value <= MOST.steps],
  clip: ["true, false or x0", (value) => [true, false, "x0"].includes(value as Clip)],
  imageShape: [IMAGE_SHAPE, isImageShape],
  classNames: [`distinct names of 1 to ${LONGEST_NAME} characters`, isClassNames],
  optimizer: ["an optimiser's type, step and slots", isOptimizer],
  step: ["an integer >= 0", isCount],
  rng: ["a random state", isRngState],
  stage: ["text", isText],
  extra: ["plain JSON", () => true],
};

/** Metadata as the strings that a safetensors file carries; absent keys are left out. */
export function encodeMetadata(metadata: Metadata, where: string): Record<string, string> {
  checkMetadata(metadata, where);
  const texts = Object.entries(metadata)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, toJson(value, key, where)] as const);
  return { format: FORMAT, formatVersion: String(VERSION), ...Object.fromEntries(texts) };
}

/** The reverse of {@link encodeMetadata}. Keys that this version does not know are refused with the version. */
export function decodeMetadata(texts: Readonly<Record<string, string>>, where: string): Metadata {
  const { format, formatVersion } = texts;
  check(format === FORMAT, where, "a checkpoint of cfd-distill", `a file of format ${format ?? "unknown"}`);
  check(formatVersion === String(VERSION), where, `format version ${VERSION}`, formatVersion);
  const keys = Object.keys(RULES).filter((key) => texts[key] !== undefined);
  const metadata = Object.fromEntries(keys.map((key) => [key, parseJson(texts[key]!, where, key)]));
  checkMetadata(metadata as unknown as Metadata, where);
  return metadata as unknown as Metadata;
}

function checkMetadata(metadata: Metadata, where: string): void {
  for (const [key, [expected, holds]] of Object.entries(RULES)) {
    const value = metadata[key as keyof Metadata];
    const optional = key !== "network" && key !== "statistics";
    if (value === undefined && optional) continue;
    check(holds(value), where, `${key} to be ${expected}`, value);
  }
}

/** JSON.stringify would turn NaN into null and drop functions without a word; what could not be read is not written. */
function toJson(value: unknown, key: string, where: string): string {
  const expected = `${key} to be plain JSON`;
  let text: string | undefined;
  try {
    text = JSON.stringify(value, function (this: Record<string, unknown>, at: string, inner: unknown) {
      return isKept(this, at) ? inner : fail(where, expected, this[at]);
    });
  } catch (error) {
    const cause = error as Error;
    if (cause.message.startsWith(where)) throw error;
    fail(where, expected, `what JSON cannot hold (${cause.message.split("\n")[0] ?? ""})`);
  }
  if (text === undefined) fail(where, expected, value);
  scanJson(text, where, key);
  return text;
}

/** Whether what `holder` has under a key comes back from JSON as it is; a member of an object may be undefined, as if it were absent. */
function isKept(holder: Readonly<Record<string, unknown>>, at: string): boolean {
  const value = holder[at];
  if (typeof value === "number") return Number.isFinite(value);
  if (value === undefined) return !Array.isArray(holder);
  if (typeof value === "object" && value !== null) return isPlain(value);
  return typeof value === "string" || typeof value === "boolean" || value === null;
}

/** Whether JSON gives all of an object: neither a map, an array of bytes nor what writes itself otherwise. Of any realm. */
function isPlain(value: object): boolean {
  if ("toJSON" in value) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isOptimizer(value: unknown): boolean {
  const { type, step, slots } = (value ?? {}) as Partial<Record<keyof OptimizerMetadata, unknown>>;
  return (type === "adam" || type === "sgd") && isCount(step) && isNames(slots);
}

function isRngState(value: unknown): boolean {
  try {
    restoreRng(value as RngState);
    return true;
  } catch {
    return false;
  }
}
