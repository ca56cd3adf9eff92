// What the numbers say, in sentences that follow from them.
import type { Distances } from "../../examples/recipe/evaluate.js";
import { inSteps } from "../../examples/recipe/config.js";
import type { MeasuredRun, Result } from "./runs.js";

/** More standard errors than two kernel distances differ by for want of samples alone, nineteen times of twenty. */
const CLEAR = 2;

/** One halving, every arm once. */
export function screened({ config, results, report }: MeasuredRun): string[] {
  const arms = results.filter(({ halving }) => halving?.label !== undefined);
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
    `One halving, from 2 steps to 1, one seed, ${config.measured} samples an arm:`,
    `By the Frechet distance ${everywhere.length} of ${cfd.length} students by CFD are nearer to the data than PD's on the features of every extractor.`,
    ...byExtractor,
    `In pixels the nearest to the teacher's samples is ${inPixels(pixels[0]!)}, the farthest ${inPixels(pixels.at(-1)!)}; ${inPixels(pd)}.`,
  ];
}

/** Chains of halvings, every arm with several seeds. */
export function confirmed({ config, results, report }: MeasuredRun): string[] {
  const chains = results.filter(({ halving }) => halving?.label !== undefined);
  const arms = [...new Set(chains.map(({ arm }) => arm))].filter((arm) => arm !== "PD");
  const counts = [...new Set(chains.map(({ steps }) => steps))];
  const seeds = chains.filter(({ arm, steps }) => arm === "PD" && steps === counts[0]).length;
  return [
    `Chains from 8 steps down to 1, ${seeds} seeds, ${config.measured} samples each:`,
    ...report.extractors.flatMap(({ extractor }, i) =>
      arms.map((arm) => {
        const compared = counts.map((steps) => {
          const of = (name: string) => frechets(chains, name, steps, i);
          const wins = of(arm).filter((distance, seed) => distance < of("PD")[seed]!).length;
          const difference = mean(of(arm)) - mean(of("PD"));
          const sign = difference < 0 ? "-" : "+";
          return `${inSteps(steps)} ${sign}${Math.abs(difference).toFixed(2)} (nearer in ${wins} of ${seeds} seeds)`;
        });
        return `${arm} against PD on ${extractor}, mean Frechet distance less PD's: ${compared.join(", ")}.`;
      }),
    ),
  ];
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
