import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import type { BackendName } from "../../index.js";
import { engineNames } from "../engines.js";
import { say } from "../printable.js";
import { ask, type Depth, type EngineResult } from "./child.js";
import { diagnosisText, engineTable, headline, isBroken, type Machine } from "./text.js";

interface Options {
  readonly engine?: BackendName;
  readonly json: boolean;
  readonly child?: Depth;
}

/** `version` is this package's. */
export function doctorCommand(version: string): Command {
  return new Command("doctor")
    .description("Say which engines start here, and try every operation the library needs on them.")
    .addOption(
      new Option("--engine <name>", "only this one; otherwise every engine that starts").choices(engineNames),
    )
    .option("--json", "print JSON in place of tables", false)
    .addOption(new Option("--child <depth>").hideHelp())
    .addHelpText(
      "after",
      "\nEnds with status 1 if with the library's cures anything is wrong or missing, or the engine does not start.",
    )
    .action(async ({ engine, json, child }: Options) => {
      if (child !== undefined) {
        const { answer } = await import("./answer.js"); // alone needs TensorFlow.js
        await answer(engine!, child);
        return;
      }
      // As JSON everything comes at once, in the end.
      const machine = await examine(engine, version, json ? () => undefined : say);
      if (json) say(JSON.stringify(machine, undefined, 2));
    });
}

/** Prints what it finds as it finds it. */
async function examine(
  chosen: BackendName | undefined,
  version: string,
  print: (text: string) => void,
): Promise<Machine> {
  const results = new Map<BackendName, EngineResult>();
  for (const name of engineNames) results.set(name, await ask(name, "start"));
  const machine = describeMachine(version, [...results.values()]);
  print(`${headline(machine)}\n\n${engineTable(machine.engines)}`);
  const starting = machine.engines.flatMap(({ name, engine }) => (engine === undefined ? [] : [name]));
  for (const name of chosen === undefined ? starting : [chosen]) {
    const result = await ask(name, "diagnose");
    results.set(name, result);
    print(`\n${diagnosisText(result)}`);
    if (isBroken(result)) process.exitCode = 1;
  }
  return { ...machine, engines: [...results.values()] };
}

function describeMachine(version: string, engines: readonly EngineResult[]): Machine {
  return {
    cfdDistill: version,
    tfjs: engines.find(({ engine }) => engine !== undefined)?.engine?.tfjs,
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    engines,
  };
}
