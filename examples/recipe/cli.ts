import { Command, InvalidArgumentError, Option } from "commander";
import { presets, scaleSteps, type RecipeConfig } from "./config.js";

/** What the command line decides. */
export interface CliChoice {
  readonly config: RecipeConfig;
  readonly out: string;
  readonly resume: boolean;
  readonly force: boolean;
  /** Folder of the CIFAR-10 binary files; unset for the emoji. */
  readonly data?: string;
}

interface Flags {
  readonly out?: string;
  readonly seed: number;
  readonly engine: RecipeConfig["engine"];
  readonly resume?: true;
  readonly force?: true;
  readonly stepsScale: number;
  readonly parallel?: number;
  readonly preset: keyof typeof presets;
  readonly data?: string;
}

/** Reads the arguments of a recipe; commander prints usage, and refuses what it does not know with a suggestion. */
export function parseArguments(recipe: RecipeConfig["recipe"], argv: readonly string[]): CliChoice {
  const command = new Command(recipe)
    .option(
      "--out <directory>",
      "where the run is kept (default: runs/<recipe>, with the preset's name for CIFAR-10)",
    )
    .option("--seed <integer>", "all random numbers follow from it", integer, 0)
    .addOption(new Option("--engine <name>", "what computes").choices(["wasm", "cpu"]).default("wasm"))
    .option(
      "--parallel <workers>",
      "threads that share every batch, 1 for none (default: the preset's)",
      count,
    )
    .option("--resume", "go on with the run in the directory")
    .addOption(
      new Option("--force", "start anew although the directory holds a run, which is removed").conflicts(
        "resume",
      ),
    )
    .option("--steps-scale <factor>", "train every stage so many times as long", positive, 1)
    .showHelpAfterError("(add --help for the options)");
  if (recipe === "quickstart") {
    command
      .description("Trains a small diffusion model on emoji, distils it, and draws the samples side by side.")
      .addOption(
        new Option("--preset <size>", "emoji: many hours; smoke: seconds, to try the machinery")
          .choices(["quickstart", "emoji", "smoke"])
          .default("quickstart"),
      );
  } else {
    command
      .description("The same pipeline on CIFAR-10's binary files.")
      .requiredOption(
        "--data <directory>",
        "folder with data_batch_1.bin ... test_batch.bin (cifar-10-binary.tar.gz)",
      )
      .addOption(
        new Option("--preset <size>", "tiny: minutes; smoke: seconds, to try the machinery")
          .choices(["tiny", "smoke"])
          .default("tiny"),
      );
  }
  const flags = command.parse(argv).opts<Flags>();
  const preset = scaleSteps({ ...presets[flags.preset], recipe }, flags.stepsScale);
  const name = flags.preset === recipe ? recipe : `${recipe}-${flags.preset}`;
  return {
    config: {
      ...preset,
      engine: flags.engine,
      seed: flags.seed,
      parallel: flags.parallel ?? preset.parallel,
    },
    out: flags.out ?? `runs/${name}`,
    resume: flags.resume ?? false,
    force: flags.force ?? false,
    ...(flags.data === undefined ? {} : { data: flags.data }),
  };
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
