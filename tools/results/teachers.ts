// The same arms from two teachers, of which one was trained longer: whether the lead over PD stays.
import { markdownTable } from "../markdown.js";
import { inSteps } from "../words.js";
import { chainsTables } from "./chains.js";
import { comparableChains, deviation, frechet, mean, spreadOf, valuesOf } from "./findings.js";
import { epochs } from "./making.js";
import type { MeasuredRun } from "./runs.js";

/** More of their standard errors than two leads differ by for want of seeds alone, as a rule. */
const CLEAR = 2;

/** Each teacher's run, the one of fewer epochs first. */
export type Teachers = readonly [MeasuredRun, MeasuredRun];

/** What became of the lead of each arm that both have, under a heading. */
export function leads(teachers: Teachers): string[] {
  const { arms, counts } = comparableChains(teachers[0].results, teachers[1].results);
  const [before, after] = teachers.map(({ config }) => epochs(config));
  return [
    `How much nearer to the data than PD, in parts of PD's Frechet distance, mean and standard deviation of seeds, from a teacher of ${before} epochs ` +
      `and from one of ${after}:`,
    ...arms
      .filter((arm) => arm !== "PD")
      .flatMap((arm) =>
        teachers[0].report.extractors.map(({ extractor }, i) => {
          const changes = counts.map((steps) => {
            const [first, second] = teachers.map((run) => leadOf(run, arm, steps, i)) as [number[], number[]];
            return `${percent(first)} and ${percent(second)} at ${inSteps(steps)}, it ${change(first, second)}`;
          });
          return `${arm}, on ${extractor}: ${changes.join("; ")}.`;
        }),
      ),
  ];
}

/** The teachers and their students side by side. */
export function teachersPart(teachers: Teachers): string[] {
  const [old, longer] = teachers;
  const { config, report } = longer;
  const { steps, batch, rate } = config.halvings.at(-1)!;
  return [
    `## From a teacher of ${epochs(config)} epochs`,
    `The arms that lead, and PD, once more: ${unetOf(config)}, trained ${config.base.steps} steps of ${config.base.batch} images; instead of ` +
      `${unetOf(old.config)}, ${old.config.base.steps} of ${old.config.base.batch}. Which it is, trials of nine minutes had shown ([how](results/trials.md)). It is on ` +
      "the cosine itself, so that images end without noise, with max(1, min(SNR, 5)) as the weight, and CFD has a classifier that " +
      `is right on ${(100 * report.classifierAccuracy).toFixed(1)} % of the test images instead of ` +
      `${(100 * old.report.classifierAccuracy).toFixed(1)} %. Students as before: from PD's student of 8 steps, ${steps} training steps of ${batch} images at a rate of ` +
      `${rate} a halving, ${longer.config.measured} samples each. With twice the noise a chain begins with the teacher, for its students differ from the ` +
      "first halving on; down to 8 steps it is PD's. Mean and standard deviation over the seeds.",
    teachersTable(teachers),
    ...chainsTables(teachers, ({ config: of }, arm) => `${epochs(of)} epochs: ${arm}`),
    "![Samples of the chains from the teacher of thirty epochs, from the same noise](results/thirty/samples.png)",
  ];
}

function teachersTable(teachers: Teachers): string {
  const names = namesOf(teachers);
  return markdownTable(
    [
      "teacher",
      "steps",
      ...names.flatMap((name) => [`${name}: Frechet`, "kernel, times 1000", "precision", "recall"]),
    ],
    teachers.map((run) => {
      const { steps, distances } = run.results[0]!;
      return [
        `${epochs(run.config)} epochs`,
        String(steps),
        ...distances.flatMap((one) => [
          one.frechet.toFixed(2),
          (1000 * one.kernel.mean).toFixed(1),
          one.precision.toFixed(2),
          one.recall.toFixed(2),
        ]),
      ];
    }),
  );
}

const namesOf = ([run]: Teachers) => run.report.extractors.map(({ extractor }) => extractor);

function unetOf({ unet }: MeasuredRun["config"]): string {
  return `a U-Net of ${unet.channels} channels times ${unet.multipliers.join(", ")}`;
}

/** Of each seed how much nearer the arm is than PD, in parts of PD's distance. */
function leadOf({ results }: MeasuredRun, arm: string, steps: number, extractor: number): number[] {
  const pd = valuesOf(results, "PD", steps, frechet(extractor));
  return valuesOf(results, arm, steps, frechet(extractor)).map((distance, seed) => 1 - distance / pd[seed]!);
}

/** "grows", "shrinks", or "stays" where seeds differ by as much. */
function change(before: readonly number[], after: readonly number[]): string {
  const difference = mean(after) - mean(before);
  const error = Math.hypot(...[before, after].map((seeds) => deviation(seeds) / Math.sqrt(seeds.length)));
  if (!(Math.abs(difference) > CLEAR * error)) return "stays, as far as the seeds tell";
  return difference > 0 ? "grows" : "shrinks";
}

function percent(leads: readonly number[]): string {
  return `${spreadOf(leads, (lead) => (100 * lead).toFixed(0))} %`;
}
