// Words that programs print alike.
import { distance } from "fastest-levenshtein";

/** How many characters of a value are shown. */
const LONGEST = 200;

/** What an error says of a value; of text as JSON has it, so that "1" is not 1. */
export function expectedGot(expected: string, got: unknown): string {
  return `expected ${expected}, got ${shown(got)}`;
}

/** A value in short. */
function shown(value: unknown): string {
  const text = typeof value === "number" || value === undefined ? String(value) : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** " (did you mean X?)", where one of the known words is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const [best] = [...known].sort((a, b) => distance(a, word) - distance(b, word));
  const isNear = best !== undefined && distance(best, word) <= Math.max(2, word.length / 3);
  return isNear ? ` (did you mean ${best}?)` : "";
}

/** "1 step", "2 steps". */
export function inSteps(steps: number): string {
  return steps === 1 ? "1 step" : `${steps} steps`;
}

/** Seconds as "45 s", "3 min 05 s" or "2 h 07 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}
