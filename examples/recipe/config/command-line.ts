import { basename, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { RecipeConfig } from "./schema.js";
import type { Preset } from "./preset.js";
import { presets } from "./presets.js";
import { isShipped } from "./shipped.js";
import { printableLines } from "../terminal/print.js";

/** What the command line says; `configure` makes a config of it. What is undefined was not said. */
export interface CliChoice {
  readonly recipe: RecipeConfig["recipe"];
  readonly preset?: string;
  /** A saved config, in place of a preset. */
  readonly config?: string;
  /** `path=value` for single settings. */
  readonly set: readonly string[];
  readonly stepsScale?: number;
  readonly seed?: number;
  readonly engine?: RecipeConfig["engine"];
  /** In how many threads wasm computes; no part of the config. */
  readonly threads?: number;
  /** A teacher and a classifier from elsewhere. */
  readonly teacher?: string;
  readonly teacherSteps?: number;
  /** Of its group norms, where its file does not tell. */
  readonly teacherGroups?: number;
  readonly classifier?: string;
  readonly classifierScaling?: keyof typeof SCALINGS;
  /** Classifiers that only measure. */
  readonly extractor: readonly Extractor[];
  readonly out: string;
  readonly resume: boolean;
  readonly force: boolean;
  /** Which stages to run; all of them if undefined. */
  readonly stages?: readonly string[];
  readonly dryRun: boolean;
  /** How the run is shown; nothing that it computes depends on these two. */
  readonly html: boolean;
  readonly tensorboard: boolean;
  /** Folder of CIFAR-10's binary files, which are fetched if undefined. */
  readonly data?: string;
  /** Anybody's pictures, in place of CIFAR-10. */
  readonly dataset?: { readonly folder: string } | "cifar10";
  readonly imageSize?: number;
}

/** The scalings that classifiers in circulation were trained with; `none` is the paper's, [-1, 1] as it is. */
export const SCALINGS = {
  none: undefined,
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
} as const;

/** A classifier's file, and what its images are scaled by. */
export interface Extractor {
  readonly path: string;
  readonly scaling: keyof typeof SCALINGS;
}

/** Reads the arguments of a recipe; commander prints usage, and refuses what it does not know with a suggestion. */
export function parseArguments(recipe: RecipeConfig["recipe"], argv: readonly string[]): CliChoice {
  const names = presetsHere(recipe);
  const command = new Command(recipe)
    .configureOutput({ writeErr: (text) => process.stderr.write(printableLines(text)) })
    .description(DESCRIPTIONS[recipe])
    .addOption(new Option("--preset <size>", presetsHelp(names)).choices(names));
  addSettings(command);
  addModels(command);
  addExtractors(command);
  addPlace(command);
  addWatching(command);
  if (recipe === "cifar10-cfd") addData(command);
  command.showHelpAfterError(
    "(add --help for the options; npm keeps those for itself that stand before --: npm start -- --preset tiny)",
  );
  const flags = command.parse(argv).opts<Partial<CliChoice> & { set: string[]; extractor: Extractor[] }>();
  const name = flags.preset ?? (flags.config === undefined ? names[0]! : "config");
  const of = typeof flags.dataset === "object" ? basename(resolve(flags.dataset.folder)) : recipe;
  return {
    recipe,
    resume: false,
    force: false,
    dryRun: false,
    html: false,
    tensorboard: false,
    out: `runs/${name === of ? of : `${of}-${name}`}`,
    ...flags,
  };
}

/** Which pictures. */
function addData(command: Command): void {
  command
    .addOption(
      new Option(
        "--dataset <name>",
        "cifar10 (default), or folder:DIR with PNG, JPEG and WebP files, a subfolder a class",
      )
        .argParser(dataset)
        .conflicts("data"),
    )
    .option(
      "--image-size <pixels>",
      "height and width that a folder's pictures are resized to (default: 32)",
      count,
    )
    .option(
      "--data <directory>",
      "folder with data_batch_1.bin ... test_batch.bin (default: fetched into data/, 170 MB)",
    );
}

/** What a run computes. */
function addSettings(command: Command): void {
  command
    .addOption(
      new Option("--config <file>", "replay a run's config.json, or your own").conflicts([
        "preset",
        "stepsScale",
        "teacherSteps",
      ]),
    )
    .option(
      "--set <path=value>",
      "one setting of the config, such as base.rate=1e-3; repeatable",
      collect,
      [],
    )
    .option("--steps-scale <factor>", "train every stage so many times as long", positive)
    .option("--seed <integer>", "all random numbers follow from it (default: 0)", integer)
    .addOption(
      new Option("--engine <name>", "what computes (default: wasm)").choices(["wasm", "cpu", "node", "cuda"]),
    )
    .option(
      "--threads <count>",
      "threads of wasm, which change no bit of a result (default: one for each core)",
      count,
    );
}

/** Networks from elsewhere. */
function addModels(command: Command): void {
  command
    .option(
      "--teacher <path>",
      "start from this model: the authors' .pt, a folder of diffusers, or a .safetensors of ours",
    )
    .option("--teacher-steps <count>", "DDIM steps of the teacher, to be halved (default: the file's)", count)
    .option(
      "--teacher-groups <count>",
      "groups of a .pt teacher's norms, which it does not tell (default: 32)",
      count,
    )
    .option(
      "--classifier <file>",
      "compare this one's features: .pt, .th or .safetensors, #name of several in it",
    )
    .addOption(
      new Option(
        "--classifier-scaling <name>",
        "what the classifier's images are scaled by (default: none)",
      ).choices(Object.keys(SCALINGS)),
    );
}

function addExtractors(command: Command): void {
  command.addOption(
    new Option(
      "--extractor <file[:scaling]>",
      "measure the samples on this classifier's features as well; repeatable",
    )
      .argParser(extractor)
      .default([]),
  );
}

/** Where a run is kept, and how much of it is done now. */
function addPlace(command: Command): void {
  command
    .option(
      "--out <directory>",
      "where the run is kept (default: in runs/, by the names of pictures and preset)",
    )
    .option(
      "--stages <list>",
      "only these, such as teacher,classifier,pd,cfd-4,samples,evaluate,picture",
      words,
    )
    .option("--dry-run", "print the plan, its time and its disk space, and do nothing")
    .option("--resume", "go on with the run in the directory")
    .addOption(
      new Option("--force", "start anew although the directory holds a run, which is removed").conflicts(
        "resume",
      ),
    );
}

/** How a run is shown. */
function addWatching(command: Command): void {
  command
    .option("--html", "keep a page with losses, samples and distances, report.html, which loads itself anew")
    .option("--tensorboard", "write what is logged for TensorBoard too, in the folder tensorboard");
}

/** Presets whose networks are there, the default first. */
function presetsHere(recipe: RecipeConfig["recipe"]): string[] {
  const known: Readonly<Record<string, Preset>> = presets[recipe];
  return Object.keys(known).filter((name) => {
    const { shipped } = known[name]!;
    return shipped === undefined || isShipped(shipped.folder);
  });
}

function presetsHelp(names: readonly string[]): string {
  const [first, ...others] = names.map((name) => `${name}: ${PRESETS[name as keyof typeof PRESETS]}`);
  return [first!.replace(":", " (default):"), ...others].join("; ");
}

/** What each preset is for, and what it takes. */
const PRESETS = {
  quickstart: "the networks that ship, and a last halving, minutes",
  scratch: "everything from the first weights on, minutes",
  emoji: "the networks that ship, hours",
  tiny: "minutes",
  small: "hours",
  screen: "an experiment, many losses from one teacher that ships, an hour",
  chains: "some of them in chains of halvings, hours",
  confirm: "the best of them from several seeds, hours",
  grid: "all of them so, days",
  "one-step": "the ways to one step at equal time, an experiment, hours",
  thirty: "the experiment's main arms from a teacher of thirty epochs, a day",
  groundwork: "the networks that an experiment begins with, hours",
  densenet: "a classifier that measures it, hours",
  paper: "every number of the paper, weeks",
  smoke: "seconds, to try the machinery, and draws noise",
} as const satisfies Record<AnyPreset, string>;

type AnyPreset = { [R in keyof typeof presets]: keyof (typeof presets)[R] }[keyof typeof presets];

const DESCRIPTIONS = {
  quickstart: "Distils a diffusion model of emoji, and draws the samples of all methods side by side.",
  "cifar10-cfd":
    "Distils a diffusion model of CIFAR-10 or your pictures: teacher, classifier, PD and CFD, samples, distances.",
} as const;

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function extractor(text: string, before: readonly Extractor[]): Extractor[] {
  const [, path, scaling] = /^(.+):([a-z0-9]+)$/.exec(text) ?? [undefined, text, "none"];
  if (!Object.hasOwn(SCALINGS, scaling)) {
    throw new InvalidArgumentError(`After the colon one of ${Object.keys(SCALINGS).join(", ")} must stand.`);
  }
  return [...before, { path: path, scaling: scaling as Extractor["scaling"] }];
}

function words(text: string): string[] {
  return text.split(",").map((word) => word.trim());
}

function dataset(text: string): NonNullable<CliChoice["dataset"]> {
  if (text === "cifar10") return text;
  const folder = /^folder:(.+)$/.exec(text)?.[1];
  if (folder === undefined) throw new InvalidArgumentError("It must be cifar10 or folder:DIR.");
  return { folder };
}

function integer(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("It must be an integer.");
  return value;
}

function count(text: string): number {
  const value = integer(text);
  if (value < 1) throw new InvalidArgumentError("It must be at least 1.");
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("It must be a positive number.");
  return value;
}
