import { availableParallelism, cpus } from "node:os";
import "cfd-distill/backends/wasm";
import { createRng } from "cfd-distill";
import type { CliChoice } from "./cli.js";
import type { RecipeConfig } from "./config.js";
import { configure } from "./configure.js";
import { openDirectory } from "./directory.js";
import { nameOf, startEngine } from "./engine.js";
import { checkDisk, freeBytes, planOf } from "./estimate.js";
import { checkNeeds, chooseStages, type PlannedStage } from "./plan.js";
import { duration } from "./progress.js";
import type { Data } from "./sheet.js";
import { log, type Run } from "./stage.js";
import { showAll } from "./watch/watcher.js";
import { watchersOf } from "./watch/watchers.js";

/** Reads the data that a config asks for. */
export type DataLoader = (config: RecipeConfig, signal: AbortSignal) => Data | Promise<Data>;

/**
 * The whole pipeline, or the stages that are asked for: teacher, classifier, halvings by PD and CFD, samples,
 * measurements, picture. Stages that are finished are passed over, one that was interrupted goes on.
 */
export async function runRecipe(choice: CliChoice, load: DataLoader, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const config = await configure(choice);
  const engine = await startEngine(config.engine, choice);
  const stages = chooseStages(config, choice.stages);
  const data = await load(config, signal);
  const place = { out: choice.out, config, data };
  if (choice.dryRun) {
    console.log(await planOf(place, stages, engine));
    return;
  }
  await openDirectory(choice.out, config, choice);
  await checkDisk(place, stages, await freeBytes(choice.out));
  if (takesLong(stages)) console.log(await planOf(place, stages, engine));
  const watchers = watchersOf(choice, place);
  const run: Run = { ...place, rng: createRng(config.seed), signal, watchers };
  const { train, test } = data;
  console.log(
    `${train.labels.length} training and ${test.labels.length} test images of ${train.shape.join("x")}, ` +
      `engine ${nameOf(engine)}, results in ${choice.out}/`,
  );
  for (const { where } of watchers) console.log(where);
  log(run, { event: choice.resume ? "resume" : "start", engine, machine: machine() });
  let finished = false;
  try {
    for (const stage of stages) {
      await showAll(watchers, "running");
      await checkNeeds(run, stage);
      await stage.run(run);
    }
    finished = true;
  } finally {
    await showAll(watchers, finished ? "finished" : "stopped");
  }
  console.log(`Done in ${duration((performance.now() - started) / 1000)}.`);
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
      if (!stop.signal.aborted) console.log("\nSaving ...");
      stop.abort();
    });
  }
  try {
    await runRecipe(choice, load, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) console.log(`Interrupted; nothing is lost. To go on: ${again(command)}`);
    else console.error(error instanceof Error ? error.message : error);
    process.exitCode = stop.signal.aborted ? 130 : 1;
  }
}

/** The command that goes on with an interrupted run. */
function again(command: readonly string[]): string {
  return [...command.filter((word) => word !== "--force" && word !== "--resume"), "--resume"].join(" ");
}
