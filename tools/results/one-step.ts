// Seven ways from one teacher to one step, in equal time: what the runs say, in tables and sentences that follow from them.
import { markdownTable } from "../markdown.js";
import { armsOf, frechet, kernel, mean, spreadOf, toTeacher } from "./findings.js";
import type { MeasuredRun, Result } from "./runs.js";

/** A way to one step: its students by seeds. */
interface Way {
  readonly arm: string;
  readonly students: readonly Result[];
}

type Value = (student: Result) => number;

/** Which way ends nearest to the data, under a heading. */
export function nearestOf(run: MeasuredRun): string[] {
  const ways = waysOf(run);
  const { report, config } = run;
  const ranked = (value: Value) =>
    [...ways]
      .sort((a, b) => meanOf(a, value) - meanOf(b, value))
      .map((way) => `${way.arm} (${spread(way, value, 2)})`);
  const winners = report.extractors.map((_, i) => clearlyNearest(ways, frechet(i)));
  const [winner] = winners;
  const verdict =
    winner !== undefined && winners.every((one) => one === winner)
      ? `${winner} is nearest to the data with every seed on the features of every extractor.`
      : "No way is nearest to the data with every seed on the features of every extractor.";
  return [
    `Ways from the teacher to one step in equal time, ${ways[0]!.students.length} seeds, ${config.measured} samples a student:`,
    verdict,
    ...report.extractors.map(
      ({ extractor }, i) =>
        `By the Frechet distance on the features of ${extractor}, from the nearest on, means and standard deviations of seeds: ${ranked(frechet(i)).join("; ")}.`,
    ),
  ];
}

/** The way whose worst seed is nearer than the best seed of every other. */
function clearlyNearest(ways: readonly Way[], value: Value): string | undefined {
  const worst = ({ students }: Way) => Math.max(...students.map(value));
  const best = ({ students }: Way) => Math.min(...students.map(value));
  return ways.find((way) => ways.every((other) => other === way || worst(way) < best(other)))?.arm;
}

/** The ways side by side, and the rates that were tried before. */
export function oneStepPart(run: MeasuredRun, rates: MeasuredRun | undefined): string[] {
  const { config, report } = run;
  const ways = waysOf(run);
  const names = report.extractors.map(({ extractor }) => extractor);
  const table = markdownTable(
    ["way", "steps", "time", ...names.flatMap((name) => [`${name}: Frechet`, "kernel", "precision", "recall"]), "pixels from the teacher"],
    ways.map((way) => [
      way.arm,
      stepsOf(run, way.students[0]!),
      `${Math.round(Math.min(...way.students.map((student) => secondsOf(run, student))))} s`,
      ...names.flatMap((_, i) => [
        spread(way, frechet(i), 2),
        spread(way, (student) => 1000 * kernel(i)(student), 1),
        spread(way, ({ distances }) => distances[i]!.precision, 2),
        spread(way, ({ distances }) => distances[i]!.recall, 2),
      ]),
      spread(way, toTeacher, 3),
    ]),
  ); // prettier-ignore
  const { batch } = config.halvings[0]!;
  return [
    "## To one step: seven ways at equal time",
    `From the teacher of ${config.teacherSteps} steps, ${batch} images a training step. PD halves the steps down to 1; CFD, alone and with PD's loss, ` +
      "goes on from PD's student of 8 steps, whose time counts; the others come to one step at once ([how](one-step.md)). " +
      "Every way was given the time of PD's halvings by what [a step was measured to cost](recipe.md#to-one-step-at-once) beforehand; the column " +
      "`time` is what its least disturbed seed took, as the machine did other things beside. Mean and standard deviation over the seeds; kernel distances times 1000.",
    table,
    ...(rates ? ratesPart(run, rates) : []),
  ];
}

/** The trial of rates, of which `run` has the better: two of each way that comes to one step at once. */
function ratesPart(run: MeasuredRun, { config, report, results }: MeasuredRun): string[] {
  const tried = armsOf(results).map((student) => ({ ...student, rate: student.halving!.rate }));
  const nearest = (trials: typeof tried) =>
    [...trials].sort((a, b) => a.distances[0]!.frechet - b.distances[0]!.frechet)[0]!;
  for (const { arm, students } of waysOf(run)) {
    const rates = tried.filter((one) => one.arm.startsWith(`${arm}, `));
    if (rates.length > 0 && nearest(rates).rate !== students[0]!.halving!.rate)
      throw new Error(
        `docs/results/rates: expected ${arm} to be nearest at the rate that docs/results/one-step has.`,
      );
  }
  const [first] = report.extractors;
  return [
    `Of the ways that come to one step at once two rates were tried before, for a shorter time, with another seed and ${config.measured} samples ` +
      `each; taken was the one that came nearer by the Frechet distance on ${first!.extractor}. PD and CFD have the rate of the other experiments on this page.`,
    markdownTable(
      ["way, rate", "steps", ...report.extractors.map(({ extractor }) => `${extractor}: Frechet`)],
      tried.map(({ arm, halving, distances }) => [
        arm,
        halving!.steps,
        ...distances.map(({ frechet }) => frechet.toFixed(2)),
      ]),
    ),
  ];
}

function waysOf({ results }: MeasuredRun): Way[] {
  const students = armsOf(results).filter(({ steps }) => steps === 1);
  const arms = [...new Set(students.map(({ arm }) => arm))];
  return arms.map((arm) => ({ arm, students: students.filter((one) => one.arm === arm) }));
}

const meanOf = ({ students }: Way, value: Value) => mean(students.map(value));

const spread = ({ students }: Way, value: Value, digits: number) =>
  spreadOf(students.map(value), (one) => one.toFixed(digits));

/** The halvings that lead from the teacher to a stage. */
function wayTo({ config }: Pick<MeasuredRun, "config">, stage: string): MeasuredRun["config"]["halvings"] {
  const found = config.halvings.find(({ name }) => name === stage);
  return found ? [...wayTo({ config }, found.teacher), found] : [];
}

const secondsOf = (run: MeasuredRun, student: Result) =>
  wayTo(run, student.stage).reduce((sum, { name }) => sum + run.seconds[name]!, 0);

const stepsOf = (run: MeasuredRun, student: Result) => wayTo(run, student.stage).map(({ steps }) => steps).join(" + "); // prettier-ignore
