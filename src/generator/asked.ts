import { check, checkLabels, checkPositiveInteger, checkSeeds } from "../check.js";

/** What a model can be asked for. */
interface Facts {
  readonly steps: number;
  readonly classes?: number;
}

/** What it is asked for. */
interface Asked {
  readonly seeds: readonly number[];
  readonly labels?: readonly number[] | undefined;
  readonly steps?: number | undefined;
}

/** Throws, before anything is computed, unless a model can be asked for this. */
export function checkAsked(where: string, { steps: trained, classes }: Facts, asked: Asked): void {
  const { seeds, labels, steps = trained } = asked;
  checkSeeds(seeds, where);
  check(seeds.length > 0, where, "at least one seed", "none");
  checkPositiveInteger(steps, where, "steps");
  // With more steps than it was trained for, a model is asked about times that it never saw.
  const most = `at most the ${trained} ${trained === 1 ? "step" : "steps"} that the model was trained for`;
  check(steps <= trained, where, most, steps);
  if (labels === undefined) return;
  check(classes !== undefined, where, "no labels, as the model knows no classes", labels);
  checkLabels(labels, seeds.length, where);
  const wrong = labels.find((label) => label >= classes);
  check(wrong === undefined, where, `labels from -1, for none, to ${classes - 1}`, wrong);
}
