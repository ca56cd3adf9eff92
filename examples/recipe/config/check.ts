// A config that somebody wrote or put together: read, and held against the schema.
import type { z } from "zod";
import { didYouMean } from "../../../tools/did-you-mean.js";
import { expectedGot } from "../../../tools/words.js";
import { contradiction } from "./contradiction.js";
import { recipe, type RecipeConfig } from "./schema.js";

/**
 * A saved config's bytes as JSON, in UTF-8 with a byte-order mark or without. Earlier ones have `parallel`, a number of
 * workers, which no longer changes what is computed.
 */
export function parseConfig(bytes: Uint8Array, from: string): unknown {
  const value = parseJson(bytes, from);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    Reflect.deleteProperty(value, "parallel");
  return value;
}

/** A file's bytes as JSON; the error names the file. */
export function parseJson(bytes: Uint8Array, from: string): unknown {
  if (bytes.length === 0) throw new Error(`${from}: expected JSON, got an empty file.`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    const problem = error instanceof SyntaxError ? error.message : "text that is not in UTF-8";
    throw new Error(`${from}: expected JSON, got: ${problem}.`, { cause: error });
  }
}

/** Checks what was read from a file or put together from options. The error names each setting that is wrong. */
export function checkConfig(value: unknown, from: string): RecipeConfig {
  const { data, error } = recipe.safeParse(value, { error: reasonOf });
  if (error) throw new Error(`${from}: ${error.issues.map((issue) => explain(issue)).join("; ")}.`);
  const problem = contradiction(data);
  if (problem !== undefined) throw new Error(`${from}: ${problem}.`);
  return data;
}

function explain(issue: z.core.$ZodIssue, before: readonly PropertyKey[] = []): string {
  const path = [...before, ...issue.path];
  const at = path.join(".");
  if (issue.code === "invalid_union" && issue.errors.length > 0) return explainUnion(issue.errors, path);
  if (issue.code !== "unrecognized_keys") return at === "" ? issue.message : `${at}: ${issue.message}`;
  const known = Object.keys(recipe.shape);
  return issue.keys
    .map((key) => `unknown setting ${[...path, key].join(".")}${at === "" ? didYouMean(key, known) : ""}`)
    .join("; ");
}

/** In place of Zod's own words for a wrong choice or kind, which do not say what there was instead. */
function reasonOf(issue: z.core.$ZodRawIssue): string | undefined {
  const { code, input } = issue;
  if (code === "invalid_type")
    return expectedGot(`${/^[aeiou]/.test(issue.expected) ? "an" : "a"} ${issue.expected}`, input);
  if (code !== "invalid_value") return undefined;
  const known = issue.values.map(String);
  const near = typeof input === "string" ? didYouMean(input, known) : "";
  return expectedGot(known.join(", ").replace(/, ([^,]*)$/, " or $1"), input) + near;
}

/** What is wrong with a value that may be one of several: with those that it is nearest to. */
function explainUnion(errors: readonly z.core.$ZodIssue[][], path: readonly PropertyKey[]): string {
  const fewest = Math.min(...errors.map((issues) => issues.length));
  const near = errors.filter((issues) => issues.length === fewest);
  const ofItsKind = near.filter((issues) => issues.every((issue) => issue.path.length > 0));
  return (ofItsKind.length > 0 ? ofItsKind : near)
    .map((issues) => issues.map((issue) => explain(issue, path)).join("; "))
    .join(", or ");
}
