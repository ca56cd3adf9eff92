/**
 * How an operation does on an engine.
 *
 * - `ok`: within 1e-4 of float64, relative to the largest number (1 at least), and not slow.
 * - `slow`: on a larger input its best of several runs takes more than a millisecond and ten times as long as its
 *   yardstick: for products (convolutions, matMul) and their gradients the engine's fastest product of as many
 *   multiplications, for the gradient of anything else its own forward pass or, if that is longer, what the median
 *   operation takes for as many numbers.
 * - `wrong`: further from float64, not a number, or of another shape; or a number where one that went in and matters was
 *   NaN.
 * - `missing`: throws, as the engine has no kernel or TensorFlow.js no gradient for it.
 */
export type Verdict = "ok" | "slow" | "wrong" | "missing";

/** A verdict and, unless it is `ok`, its reason. */
export interface Finding {
  readonly verdict: Verdict;
  readonly note?: string;
}

export const ok: Finding = { verdict: "ok" };

const worstFirst: readonly Verdict[] = ["missing", "wrong", "slow", "ok"];

/** The first, unless the second is worse. */
export const worseOf = (first: Finding, second: Finding): Finding =>
  worstFirst.indexOf(second.verdict) < worstFirst.indexOf(first.verdict) ? second : first;

/** The worst verdict with all notes, each after the name of what it is about. */
export function worst(findings: Readonly<Record<string, Finding>>): Finding {
  const verdicts = Object.values(findings).map(({ verdict }) => verdict);
  const verdict = worstFirst.find((each) => verdicts.includes(each)) ?? "ok";
  const notes = Object.entries(findings).flatMap(([name, { note }]) =>
    note === undefined ? [] : [`by ${name}: ${note}`],
  );
  return notes.length === 0 ? { verdict } : { verdict, note: notes.join("; ") };
}
