// What a finished run of a recipe tells: its config, its log and its report, as they lie in docs/results.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BackendReport } from "cfd-distill";
import {
  methodsOf,
  readLog,
  methodName,
  type Distances,
  type ExtractorResult,
  type Halving,
  type Measurements,
  type RecipeConfig,
  type Row,
} from "../../examples/recipe/index.js";

/** Where a computation took place. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
}

export interface FinishedRun {
  readonly config: RecipeConfig;
  readonly machine: Machine;
  readonly threads: number;
  /** Training time of each stage in seconds, interruptions left out. */
  readonly seconds: Readonly<Record<string, number>>;
}

export interface MeasuredRun extends FinishedRun {
  readonly report: Measurements;
  readonly results: readonly Result[];
}

/** What was measured of one network at a number of steps. */
export interface Result {
  readonly stage: string;
  readonly steps: number;
  /** The halving that trained it; the teacher has none. */
  readonly halving?: Halving;
  /** What it is called without its seed, such as "CFD 0.9". */
  readonly arm: string;
  readonly row: Row;
  /** By the extractors, in their order. */
  readonly distances: readonly Distances[];
}

/** The runs of the experiment. */
export interface Experiment {
  /** The networks with which the others begin. */
  readonly groundwork: FinishedRun;
  /** One halving by every arm. */
  readonly screen: MeasuredRun;
  /** The same by a few, with the features of another classifier. */
  readonly otherClassifier: MeasuredRun | undefined;
  /** What acts only in chains, once. */
  readonly chains: MeasuredRun | undefined;
  /** Chains of the best arms, several times. */
  readonly confirm: MeasuredRun | undefined;
  /** Ways to one step at equal time, several times, ... */
  readonly oneStep: MeasuredRun | undefined;
  /** ... and the rates that were tried before. */
  readonly rates: MeasuredRun | undefined;
  /** Chains of the arms that lead from a teacher that was trained longer. */
  readonly thirty: MeasuredRun | undefined;
}

/** The folders of the runs, and which files each has. */
export const RUN_FILES: Readonly<Record<string, readonly string[]>> = {
  groundwork: ["config.json", "log.jsonl"],
  screen: ["config.json", "log.jsonl", "report.json", "samples.png"],
  "other-classifier": ["config.json", "log.jsonl", "report.json"],
  chains: ["config.json", "log.jsonl", "report.json"],
  confirm: ["config.json", "log.jsonl", "report.json", "samples.png"],
  "one-step": ["config.json", "log.jsonl", "report.json"],
  rates: ["config.json", "log.jsonl", "report.json"],
  thirty: ["config.json", "log.jsonl", "report.json", "samples.png"],
};

/** The runs in a folder; those that {@link Experiment} does not need may be missing. */
export function readExperiment(folder: string): Experiment {
  const found = (name: string) =>
    existsSync(join(folder, name)) ? readMeasuredRun(join(folder, name)) : undefined;
  return {
    groundwork: readRun(join(folder, "groundwork")),
    screen: readMeasuredRun(join(folder, "screen")),
    otherClassifier: found("other-classifier"),
    chains: found("chains"),
    confirm: found("confirm"),
    oneStep: found("one-step"),
    rates: found("rates"),
    thirty: found("thirty"),
  };
}

/** Of a run's folder config.json and log.jsonl. */
export function readRun(folder: string): FinishedRun {
  const config = readJson(join(folder, "config.json")) as RecipeConfig & { readonly parallel?: number };
  const log = readLog(readFileSync(join(folder, "log.jsonl"), "utf8"));
  const { machine, engine } = startOf(log);
  // Before the engine had threads, workers shared each batch, and how many was a setting.
  const threads = engine.threads ?? config.parallel ?? 1;
  return { config, machine, threads, seconds: secondsOf(log) };
}

/** The same with report.json. */
export function readMeasuredRun(folder: string): MeasuredRun {
  const run = readRun(folder);
  const report = readJson(join(folder, "report.json")) as Measurements;
  return { ...run, report, results: resultsOf(run.config, report) };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: expected a whole JSON file, got: ${(error as Error).message}`);
  }
}

function resultsOf(config: RecipeConfig, { rows, extractors }: Measurements): Result[] {
  const byLabel = <T extends { readonly method: string }>(all: readonly T[], label: string) =>
    all.find(({ method }) => method === label);
  return methodsOf(config).flatMap(({ label, stage, steps }): Result[] => {
    const row = byLabel(rows, label);
    if (row === undefined) return [];
    const halving = config.halvings.find(({ name }) => name === stage);
    const distances = extractors.map(({ methods }: ExtractorResult) => byLabel(methods, label)!);
    const arm = halving ? (halving.label ?? methodName(halving)) : "DDIM";
    return [
      { stage, steps, ...(halving && { halving }), arm: arm.replace(/, seed \d+$/, ""), row, distances },
    ];
  });
}

type Log = ReturnType<typeof readLog>;

interface Start {
  readonly machine: Machine;
  readonly engine: BackendReport;
}

function startOf(log: Log): Start {
  const start = log.find(({ event }) => event === "start") as Partial<Start> | undefined;
  const { machine, engine } = start ?? {};
  if (machine && engine) return { machine, engine };
  throw new Error("log.jsonl: expected machine and engine in the event that starts a run.");
}

/** Between two lines of a stage that no other event parts; scaled to all its steps. */
export function secondsOf(log: Log): Record<string, number> {
  const spent = new Map<string, { seconds: number; steps: number; last: number }>();
  let before: Log[number] = {};
  for (const line of log) {
    const { stage, step, at } = line;
    if (typeof stage === "string" && typeof step === "number" && typeof at === "string") {
      const sum = spent.get(stage) ?? { seconds: 0, steps: 0, last: 0 };
      spent.set(stage, sum);
      if (before.stage === stage && Number(before.step) < step) {
        sum.seconds += (Date.parse(at) - Date.parse(before.at as string)) / 1000;
        sum.steps += step - Number(before.step);
      }
      sum.last = Math.max(sum.last, step);
    }
    before = line;
  }
  const whole = ({ seconds, steps, last }: { seconds: number; steps: number; last: number }) =>
    steps === 0 ? 0 : (seconds / steps) * last;
  return Object.fromEntries(Array.from(spent, ([stage, sum]) => [stage, whole(sum)]));
}
