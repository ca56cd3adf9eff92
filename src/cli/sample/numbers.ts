import { InvalidArgumentError } from "commander";

const MOST = 10_000;

/** The numbers that an option lists: `1..4,9` for 1, 2, 3, 4, 9. */
export function numberList(text: string): number[] {
  const ranges = text.split(",").map((part) => rangeOf(part.trim()));
  const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (count > MOST) throw new InvalidArgumentError(`Expected at most ${MOST} numbers, got ${count}.`);
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** Labels: numbers as in other lists, and names of classes. */
export function labelList(text: string): (number | string)[] {
  return text
    .split(",")
    .flatMap((part): (number | string)[] => (/^[\s\d.-]*$/.test(part) ? numberList(part) : [part.trim()]));
}

function rangeOf(part: string): [first: number, last: number] {
  const [, start, end = start] = /^(-?\d+)(?:\.\.(-?\d+))?$/.exec(part) ?? [];
  const [first, last] = [Number(start), Number(end)];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) {
    throw new InvalidArgumentError(
      `Expected whole numbers and ranges, such as 1..64 or 1,5,9, got "${part}".`,
    );
  }
  if (last < first) throw new InvalidArgumentError(`Expected a range that rises, got "${part}".`);
  return [first, last];
}

/** A positive integer. */
export function positive(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("Expected a positive integer.");
}
