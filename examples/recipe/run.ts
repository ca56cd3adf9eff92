import { existsSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import "cfd-distill/backends/wasm";
import { createRng, type BackendReport } from "cfd-distill";
import type { CliChoice } from "./config/command-line.js";
import type { RecipeConfig } from "./config/schema.js";
import { configure } from "./plan/configure.js";
import { openDirectory } from "./storage/directory.js";
import { nameOf, startEngine } from "./plan/engine.js";
import { freeBytes } from "./plan/disk.js";
import { checkDisk, planOf } from "./plan/estimate.js";
import { checkMeasurable } from "./measure/evaluate.js";
import { imagesHash } from "./datasets/hash.js";
import { withLock } from "./storage/lock.js";
import { checkNeeds, chooseStages, type PlannedStage } from "./plan/stages.js";
import type { Setup } from "./storage/setup.js";
import { duration } from "../../tools/words.js";
import { checkStarts } from "./measure/sampling.js";
import { printError, print } from "./terminal/print.js";
import type { Data } from "../../tools/image-sets.js";
import { log, type Run } from "./storage/run.js";
import { showAll, type Watcher } from "./storage/watcher.js";
import { watchersOf } from "./watch/watchers.js";

/** Reads the data that a config asks for; for a plan its size and classes do. */
export type DataLoader = (config: RecipeConfig, signal: AbortSignal) => Data | Promise<Data>;

/**
 * The whole pipeline, or the stages that are asked for: teacher, classifier, halvings by PD and CFD, samples,
 * measurements, picture. Stages that are finished are passed over, one that was interrupted goes on.
 */
async function runRecipe(choice: CliChoice, load: DataLoader, signal: AbortSignal): Promise<void> {
  const config = await configure(choice);
  const engine = await startEngine(config.engine, choice);
  const stages = chooseStages(config, choice.stages);
  if (!choice.dryRun)
    return withLock(choice.out, () => runStages({ choice, config, engine, stages }, load, signal));
  const plan = await planOf({ out: choice.out, config, data: await load(config, signal) }, stages, engine);
  print(plan + absentPictures(choice));
}

/** What a plan adds where the pictures are not there, which a run will need. */
export function absentPictures({ dataset }: Pick<CliChoice, "dataset">): string {
  if (typeof dataset !== "object" || existsSync(dataset.folder)) return "";
  return `\nPictures: not there yet; expected ${join(dataset.folder, "CLASS", "*.png")} (or JPEG, WebP).`;
}

/** What is to be done. */
interface Task {
  readonly choice: CliChoice;
  readonly config: RecipeConfig;
  readonly engine: BackendReport;
  readonly stages: readonly PlannedStage[];
}

async function runStages(task: Task, load: DataLoader, signal: AbortSignal): Promise<void> {
  const { choice, engine, stages } = task;
  const started = performance.now();
  const setup = setupOf(choice, task.config, await load(task.config, signal));
  checkStarts(setup);
  if (stages.some(({ name }) => name === "evaluate")) checkMeasurable(setup);
  const { out, config, data } = setup;
  await checkDisk(setup, stages, await freeBytes(out));
  await openDirectory(out, config, choice);
  if (takesLong(stages)) print(await planOf(setup, stages, engine));
  const watchers = watchersOf(choice, setup);
  const run: Run = { ...setup, rng: createRng(config.seed), signal, watchers };
  const { train, test } = data;
  print(
    `${train.labels.length} training and ${test.labels.length} test images of ${train.shape.join("x")}, ` +
      `engine ${nameOf(engine)}, results in ${out}/`,
  );
  for (const { where } of watchers) print(where);
  log(run, { event: choice.resume ? "resume" : "start", engine, machine: machine() });
  await watched(watchers, async () => {
    for (const stage of stages) {
      await showAll(watchers, "running");
      await checkNeeds(run, stage);
      await stage.run(run);
    }
  });
  print(`Done in ${duration((performance.now() - started) / 1000)}.`);
  if (config.preset === "smoke") print(SMOKE);
}

/** Shows how it ends. An error of its own is thrown, whatever becomes of showing that. */
export async function watched(watchers: readonly Watcher[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await showAll(watchers, "stopped").catch(printError);
    throw error;
  }
  await showAll(watchers, "finished");
}

const SMOKE =
  "The preset smoke only tries the machinery: its networks have learnt nothing, and draw noise. For a student that draws, take another preset (--help).";

/** The config notes of which images it is. */
function setupOf({ out }: CliChoice, config: RecipeConfig, data: Data): Setup {
  const images = imagesHash(data);
  if (config.images !== undefined && config.images !== images) {
    throw new Error(
      `images: expected those that the config was made with (SHA-256 ${config.images}), got others (${images}): ` +
        "take the setting images out of it to use it with these.",
    );
  }
  return { out, config: { ...config, images }, data };
}

/** What the times in a log are to be read with. */
function machine() {
  return { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), node: process.versions.node };
}

/** Whether one would like to know beforehand how long it takes. */
function takesLong(stages: readonly PlannedStage[]): boolean {
  return stages.reduce((sum, { training }) => sum + (training?.steps ?? 0), 0) > 5000;
}

/** Runs a recipe as a program: Ctrl-C saves and says how to go on, errors are one line. Sets the exit code. */
export async function main(choice: CliChoice, load: DataLoader, command: readonly string[]): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) print("\nSaving ...");
      stop.abort();
    });
  }
  try {
    await runRecipe(choice, load, stop.signal);
  } catch (error) {
    const interrupted = stop.signal.aborted && comesFrom(error, stop.signal.reason);
    if (interrupted) print(`Interrupted; nothing is lost. To go on: ${again(command)}`);
    else printError(error);
    process.exitCode = interrupted ? 130 : 1;
  }
}

/** Whether it is the reason, or says that it was caused by it: saving may fail after Ctrl-C as well. */
function comesFrom(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  return error instanceof Error && error.cause !== undefined && comesFrom(error.cause, reason);
}

/** The command that goes on with an interrupted run. */
export function again(command: readonly string[]): string {
  const [program, ...words] = command.filter((word) => word !== "--force" && word !== "--resume");
  return [program, ...words.map(quoted), "--resume"].join(" ");
}

/** A word as a shell takes it for one. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
