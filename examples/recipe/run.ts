import "cfd-distill/backends/wasm";
import { createRng, useBackend } from "cfd-distill";
import type { CliChoice } from "./cli.js";
import { halvings } from "./config.js";
import { hire, shared } from "./crew.js";
import type { Data } from "./sheet.js";
import { openDirectory } from "./directory.js";
import { duration } from "./progress.js";
import { report } from "./report.js";
import { log, type Run } from "./stage.js";
import { halve, trainClassifier, trainTeacher } from "./stages.js";

/**
 * The whole pipeline: teacher, classifier, halvings by PD and CFD, measurements and picture. Stages that are finished
 * are passed over, one that was interrupted goes on.
 */
export async function runRecipe(choice: CliChoice, loaded: Data, signal: AbortSignal): Promise<void> {
  const { config, out } = choice;
  const started = performance.now();
  await openDirectory(out, config, choice);
  const engine = await useBackend(config.engine);
  const data = config.parallel === 1 ? loaded : shared(loaded);
  const place = { out, config, data };
  const run: Run = { ...place, rng: createRng(config.seed), signal, crew: hire(place) };
  const { train, test } = data;
  const threads = run.crew.count === 1 ? "" : ` in ${run.crew.count} threads`;
  console.log(
    `${train.labels.length} training and ${test.labels.length} test images of ${train.shape.join("x")}, ` +
      `engine ${engine.name}${threads}, results in ${out}/`,
  );
  log(run, { event: choice.resume ? "resume" : "start", engine });
  try {
    await trainTeacher(run);
    await trainClassifier(run);
    for (const halving of halvings(config)) await halve(run, halving);
    const files = await report(run);
    console.log(
      `Picture ${files.picture}, table ${files.table}, student ${files.student} (for loadGenerator)`,
    );
  } finally {
    await run.crew.end();
  }
  console.log(`Done in ${duration((performance.now() - started) / 1000)}.`);
}

/** Runs a recipe as a program: Ctrl-C saves and says how to go on, errors are one line. Sets the exit code. */
export async function main(
  choice: CliChoice,
  loadData: () => Data | Promise<Data>,
  command: readonly string[],
): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) console.log("\nSaving ...");
      stop.abort();
    });
  }
  try {
    await runRecipe(choice, await loadData(), stop.signal);
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
