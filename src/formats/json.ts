import { MOST } from "../bounds.js";
import { check, fail } from "../check.js";
import { contentOf, textIn } from "./bytes.js";

/** How large a JSON text may be. */
export interface JsonLimits {
  readonly depth?: number;
  readonly values?: number;
}

/** What the bytes of a JSON text say; a byte-order mark is passed over. */
export function parseJsonBytes(bytes: Uint8Array, where: string, what: string, limits?: JsonLimits): unknown {
  const text = decodeUtf8(bytes, where, what).replace(/^\ufeff/u, "");
  const isText = /^(JSON )?text/.test(textIn(bytes) ?? ""); // and no page of a server, say
  check(isText, where, `${what} in JSON`, contentOf(bytes));
  return parseJson(text, where, what, limits);
}

/** The text of UTF-8, with its byte-order mark if it has one. */
export function decodeUtf8(bytes: Uint8Array, where: string, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice());
  } catch {
    return fail(where, `${what} in JSON`, "bytes that are no text in UTF-8");
  }
}

/**
 * What a JSON text says. What parsing it, or walking what comes of it, can cost is bounded before it is parsed; a name
 * that stands twice in an object, of which JSON.parse keeps the last, is refused.
 */
export function parseJson(text: string, where: string, what: string, limits: JsonLimits = {}): unknown {
  const members = scanJson(text, where, what, limits);
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    // The engine's own message quotes the text, of which there may be much.
    const reason = (error as Error).message.replace(/\s+/gu, " ");
    return fail(where, `${what} in JSON`, reason.length > 120 ? `${reason.slice(0, 120)}…` : reason);
  }
  check(members === countKeys(value), where, `every name only once in ${what}`, "a repeated name");
  return value;
}

/** Throws if a JSON text is deeper or longer than allowed; counts its members, repeated ones too. */
export function scanJson(
  json: string,
  where: string,
  what: string,
  { depth: most = MOST.jsonDepth, values: mostValues = MOST.jsonValues }: JsonLimits = {},
): number {
  let [members, values, level, depth] = [0, 1, 0, 0];
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (quoted && character === "\\") i++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === ":") members++;
    else if (character === ",") values++;
    else if (character === "{" || character === "[") depth = Math.max(depth, ++level);
    else if (character === "}" || character === "]") level--;
  }
  check(depth <= most, where, `at most ${most} levels of brackets in ${what}`, depth);
  check(values <= mostValues, where, `at most ${mostValues} values in ${what}`, values);
  return members;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const members: unknown[] = Object.values(value);
  const own = Array.isArray(value) ? 0 : members.length;
  return members.reduce((sum: number, member) => sum + countKeys(member), own);
}
