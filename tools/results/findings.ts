// What the numbers say, in sentences that follow from them.
import type { Distances } from "../../examples/recipe/index.js";
import { inSteps } from "../words.js";
import type { MeasuredRun, Result } from "./runs.js";

/** More standard errors than two kernel distances differ by for want of samples alone, nineteen times of twenty. */
const CLEAR = 2;

/** So many of the best arms are named. */
const BEST = 3;

/** One halving, every arm once: sentences under a heading. */
export function screened({ results, report }: MeasuredRun, heading: string): string[] {
  const arms = armsOf(results);
  const pd = arms.find(({ arm }) => arm === "PD")!;
  const cfd = arms.filter(({ halving }) => halving!.method === "cfd");
  const nearer = (than: Result, i: number) => (one: Result) =>
    one.distances[i]!.frechet < than.distances[i]!.frechet;
  const everywhere = cfd.filter((one) => report.extractors.every((_, i) => nearer(pd, i)(one)));
  const byExtractor = report.extractors.map(({ extractor }, i) => {
    const ranked = [...arms].sort((a, b) => a.distances[i]!.frechet - b.distances[i]!.frechet);
    const named = ({ arm, distances }: Result) => `${arm} (${distances[i]!.frechet.toFixed(2)})`;
    const differing = (all: readonly Result[], sign: number) =>
      all.filter((one) => clearly(one.distances[i]!, pd.distances[i]!) === sign);
    const farther = differing(arms, 1).map(({ arm }) => arm);
    return (
      `On the features of ${extractor} the nearest by the Frechet distance are ${ranked.slice(0, BEST).map(named).join("; ")}; ` +
      `PD (${pd.distances[i]!.frechet.toFixed(2)}) is number ${ranked.indexOf(pd) + 1} of ${ranked.length}. ` +
      `By the kernel distance ${differing(cfd, -1).length} of ${cfd.length} by CFD are clearly (by more than ${CLEAR} standard errors) nearer than PD; ` +
      `clearly farther: ${farther.join("; ") || "none"}.`
    );
  });
  const pixels = [...arms].sort((a, b) => a.row.toTeacher - b.row.toTeacher);
  const inPixels = ({ arm, row }: Result) => `${arm} (${row.toTeacher.toFixed(3)})`;
  return [
    `${heading}:`,
    `By the Frechet distance ${everywhere.length} of ${cfd.length} students by CFD are nearer to the data than PD's on the features of every extractor.`,
    ...byExtractor,
    `In pixels, from the nearest to the teacher's samples on: ${pixels.map(inPixels).join("; ")}.`,
  ];
}

/** Chains of halvings, every arm with one seed or several: each arm against PD. */
export function confirmed({ results, report }: MeasuredRun, heading: string): string[] {
  const { arms, counts } = comparableChains(results);
  const chains = armsOf(results);
  const atSteps = (value: (steps: number) => string) =>
    counts.map((steps) => `${value(steps)} at ${inSteps(steps)}`).join(", ");
  const pixels = (arm: string) =>
    atSteps((steps) => mean(valuesOf(chains, arm, steps, toTeacher)).toFixed(3));
  return [
    `${heading}:`,
    ...arms
      .filter((arm) => arm !== "PD")
      .map((arm) => {
        const less = (steps: number, value: (result: Result) => number) => {
          const pds = valuesOf(chains, "PD", steps, value);
          return valuesOf(chains, arm, steps, value).map((distance, seed) => distance - pds[seed]!);
        };
        const nearer = (measure: Measure) => {
          const all = report.extractors.flatMap((_, i) => counts.flatMap((n) => less(n, measure(i))));
          return `${all.filter((difference) => difference < 0).length} of ${all.length}`;
        };
        const byExtractor = report.extractors.map(
          ({ extractor }, i) =>
            `on ${extractor} ${atSteps((steps) => signed(mean(less(steps, frechet(i)))))}`,
        );
        const farther = report.extractors.flatMap(({ extractor }, i) => {
          const where = counts.filter((steps) => mean(less(steps, kernel(i))) > 0).map(inSteps);
          return where.length > 0 ? [`on ${extractor} at ${where.join(", ")}`] : [];
        });
        return (
          `${arm}: nearer to the data than PD in ${nearer(frechet)} comparisons (of one seed, number of steps and extractor) by ` +
          `the Frechet distance, in ${nearer(kernel)} by the kernel distance${fartherOnes(farther)}. Frechet distance less PD's, the seeds' mean: ` +
          `${byExtractor.join("; ")}. Pixels from the teacher: ${pixels(arm)}.`
        );
      }),
    `PD: pixels from the teacher ${pixels("PD")}.`,
  ];
}

/** Where an arm is farther in the mean, as part of a sentence. */
function fartherOnes(places: readonly string[]): string {
  return places.length > 0 ? ` (by its mean over the seeds PD is nearer ${places.join("; ")})` : "";
}

/** A number of a result by the extractor of this index. */
export type Measure = (extractor: number) => (result: Result) => number;

export const frechet: Measure = (extractor) => (result) => result.distances[extractor]!.frechet;

export const kernel: Measure = (extractor) => (result) => result.distances[extractor]!.kernel.mean;

export function toTeacher({ row }: Result): number {
  return row.toTeacher;
}

/** What an arm's seeds have at a number of steps. */
export function valuesOf(
  results: readonly Result[],
  arm: string,
  steps: number,
  value: (result: Result) => number,
): number[] {
  return results.filter((result) => result.arm === arm && result.steps === steps).map(value);
}

function signed(difference: number): string {
  return `${difference < 0 ? "-" : "+"}${Math.abs(difference).toFixed(2)}`;
}

/** The students of the arms, without those that ship and the teacher. */
export function armsOf(results: readonly Result[]): Result[] {
  return results.filter(({ halving }) => halving?.label !== undefined);
}

/** The arms that all these runs have, and the numbers of steps for which there is a student of every arm of each. */
export function comparableChains(...runs: readonly (readonly Result[])[]) {
  const each = runs.map((results) => {
    const chains = armsOf(results);
    const armsAt = (count: number) => names(chains.filter(({ steps }) => steps === count));
    const all = names(chains).length;
    const counts = [...new Set(chains.map(({ steps }) => steps))].filter(
      (count) => armsAt(count).length === all,
    );
    return { arms: armsAt(counts[0]!), counts };
  });
  const inAll = <T>(of: (one: (typeof each)[number]) => readonly T[]) =>
    of(each[0]!).filter((value) => each.every((one) => of(one).includes(value)));
  return { arms: inAll(({ arms }) => arms), counts: inAll(({ counts }) => counts) };
}

function names(results: readonly Result[]): string[] {
  return [...new Set(results.map(({ arm }) => arm))];
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample; NaN for one value. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** The mean of seeds, and their deviation where there are several. */
export function spreadOf(values: readonly number[], show: (value: number) => string): string {
  return `${show(mean(values))}${values.length > 1 ? ` ± ${show(deviation(values))}` : ""}`;
}

/** -1 if `a` is nearer to the data than `b`, 1 if it is farther, 0 if their errors leave that open. */
function clearly(a: Distances, b: Distances): number {
  const error = Math.hypot(a.kernel.standardError ?? Infinity, b.kernel.standardError ?? Infinity);
  const difference = a.kernel.mean - b.kernel.mean;
  return Math.abs(difference) > CLEAR * error ? Math.sign(difference) : 0;
}

/** How many seeds each arm has. */
export function seedsOf({ results }: MeasuredRun): number {
  const { arms, counts } = comparableChains(results);
  return valuesOf(results, arms[0]!, counts[0]!, toTeacher).length;
}
