import { distance } from "fastest-levenshtein";

/** " (did you mean X?)", where one of the known words is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const [best] = [...known].sort((a, b) => distance(a, word) - distance(b, word));
  const isNear = best !== undefined && distance(best, word) <= Math.max(2, word.length / 3);
  return isNear ? ` (did you mean ${best}?)` : "";
}
