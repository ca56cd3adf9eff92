// What the numbers say, in sentences that follow from them.
import type { Distances } from "../../examples/recipe/evaluate.js";
import { inSteps } from "../../examples/recipe/config.js";
import type { MeasuredRun, Result } from "./runs.js";

/** More standard errors than two kernel distances differ by for want of samples alone, nineteen times of twenty. */
const CLEAR = 2;

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
    const order = ranked
      .map(({ arm, distances }) => `${arm}: ${distances[i]!.frechet.toFixed(2)}`)
      .join("; ");
    const compared = (sign: number) => {
      const found = arms.filter((one) => clearly(one.distances[i]!, pd.distances[i]!) === sign);
      return found.length === 0 ? "none" : found.map(({ arm }) => arm).join("; ");
    };
    return (
      `On the features of ${extractor}, by the Frechet distance, the nearest to the data first: ${order}. ` +
      `By the kernel distance clearly (by more than ${CLEAR} standard errors) nearer than PD: ${compared(-1)}. Clearly farther: ${compared(1)}.`
    );
  });
  const pixels = [...arms].sort((a, b) => a.row.toTeacher - b.row.toTeacher);
  const inPixels = ({ arm, row }: Result) => `${arm} (${row.toTeacher.toFixed(3)})`;
  return [
    `${heading}:`,
    `By the Frechet distance ${everywhere.length} of ${cfd.length} students by CFD are nearer to the data than PD's on the features of every extractor.`,
    ...byExtractor,
    `In pixels the nearest to the teacher's samples is ${inPixels(pixels[0]!)}, the farthest ${inPixels(pixels.at(-1)!)}; ${inPixels(pd)}.`,
  ];
}

/** Chains of halvings, every arm with one seed or several: each arm against PD. */
export function confirmed({ results, report }: MeasuredRun, heading: string): string[] {
  const chains = armsOf(results);
  const arms = [...new Set(chains.map(({ arm }) => arm))].filter((arm) => arm !== "PD");
  return [
    `${heading}:`,
    ...report.extractors.flatMap(({ extractor }, i) =>
      arms.map((arm) => {
        const compared = commonSteps(chains).map((steps) => {
          const of = (name: string) => frechets(chains, name, steps, i);
          const [ours, pds] = [of(arm), of("PD")];
          const wins = ours.filter((distance, seed) => distance < pds[seed]!).length;
          const difference = mean(ours) - mean(pds);
          const sign = difference < 0 ? "-" : "+";
          const seeds = pds.length === 1 ? "" : ` (nearer in ${wins} of ${pds.length} seeds)`;
          return `${inSteps(steps)} ${sign}${Math.abs(difference).toFixed(2)}${seeds}`;
        });
        return `${arm} against PD on ${extractor}, Frechet distance less PD's: ${compared.join(", ")}.`;
      }),
    ),
  ];
}

/** The students of the arms, without those that ship and the teacher. */
export function armsOf(results: readonly Result[]): Result[] {
  return results.filter(({ halving }) => halving?.label !== undefined);
}

/** The numbers of steps for which there is a student of every arm. */
export function commonSteps(results: readonly Result[]): number[] {
  const arms = new Set(results.map(({ arm }) => arm));
  const counts = [...new Set(results.map(({ steps }) => steps))];
  return counts.filter(
    (count) =>
      new Set(results.filter(({ steps }) => steps === count).map(({ arm }) => arm)).size === arms.size,
  );
}

/** The Frechet distances of an arm's seeds, by the extractor of this index. */
export function frechets(
  results: readonly Result[],
  arm: string,
  steps: number,
  extractor: number,
): number[] {
  return results
    .filter((result) => result.arm === arm && result.steps === steps)
    .map(({ distances }) => distances[extractor]!.frechet);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample; NaN for one value. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** -1 if `a` is nearer to the data than `b`, 1 if it is farther, 0 if their errors leave that open. */
function clearly(a: Distances, b: Distances): number {
  const error = Math.hypot(a.kernel.standardError ?? Infinity, b.kernel.standardError ?? Infinity);
  const difference = a.kernel.mean - b.kernel.mean;
  return Math.abs(difference) > CLEAR * error ? Math.sign(difference) : 0;
}
