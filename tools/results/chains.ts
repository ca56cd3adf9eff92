// What chains of students have at every number of steps that all arms have.
import { markdownTable } from "../markdown.js";
import { inSteps } from "../words.js";
import {
  comparableChains,
  frechet,
  kernel,
  spreadOf,
  toTeacher,
  valuesOf,
  type Measure,
} from "./findings.js";
import type { MeasuredRun } from "./runs.js";

/** A table for each measure: a row for each arm of each run, means and standard deviations of seeds. */
export function chainsTables(
  runs: readonly MeasuredRun[],
  nameOf = (_: MeasuredRun, arm: string) => arm,
): string[] {
  const { counts } = comparableChains(...runs.map(({ results }) => results));
  const names = runs[0]!.report.extractors.map(({ extractor }) => `${extractor}: `);
  const table = (
    title: string,
    columns: readonly string[],
    measure: Measure,
    show: (value: number) => string,
  ) =>
    markdownTable(
      [title, ...columns.flatMap((name) => counts.map((steps) => `${name}${inSteps(steps)}`))],
      runs.flatMap((run) =>
        comparableChains(run.results).arms.map((arm) => [
          nameOf(run, arm),
          ...columns.flatMap((_, i) =>
            counts.map((steps) => spreadOf(valuesOf(run.results, arm, steps, measure(i)), show)),
          ),
        ]),
      ),
    );
  return [
    table("Frechet distance", names, frechet, (value) => value.toFixed(2)),
    table("kernel distance, times 1000", names, kernel, (value) => (1000 * value).toFixed(1)),
    table(
      "pixels from the teacher",
      [""],
      () => toTeacher,
      (value) => value.toFixed(3),
    ),
  ];
}
