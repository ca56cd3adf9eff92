import { availableParallelism } from "node:os";
import { Argument, Command, Option } from "commander";
import type { BackendName } from "../../index.js";
import { engineNames } from "../engines.js";
import { say } from "../printable.js";
import { announce } from "../progress.js";
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
    .addArgument(
      new Argument("[engine]", "only this one; otherwise every engine that starts").choices(engineNames),
    )
    .addOption(new Option("--engine <name>").choices(engineNames).hideHelp())
    .option("--json", "print JSON, with each operation's kernels, in place of tables", false)
    .addOption(new Option("--child <depth>").hideHelp())
    .addHelpText(
      "after",
      "\nEnds with status 1 if with the library's cures anything is wrong or missing, or the engine does not start.",
    )
    .action(async (named: BackendName | undefined, { engine = named, json, child }: Options) => {
      if (child !== undefined) {
        const { answer } = await import("./answer.js"); // alone needs TensorFlow.js
        await answer(engine!, child);
        return;
      }
      // As JSON everything comes at once, in the end.
      const print = json ? () => undefined : say;
      const machine = await (engine === undefined
        ? examineAll(version, print)
        : examineOne(engine, version, print));
      if (json) say(JSON.stringify(machine, undefined, 2));
    });
}

type Print = (text: string) => void;

/** Starts every engine, and tries those that start; prints what it finds as it finds it. */
async function examineAll(version: string, print: Print): Promise<Machine> {
  const results = new Map<BackendName, EngineResult>();
  for (const name of engineNames) results.set(name, await askAloud(name, "start"));
  const machine = describeMachine(version, [...results.values()]);
  print(machineText(machine));
  for (const { name, engine } of machine.engines) {
    if (engine === undefined) continue;
    const result = await askAloud(name, "diagnose");
    results.set(name, result);
    tell(result, print);
  }
  return { ...machine, engines: [...results.values()] };
}

async function examineOne(name: BackendName, version: string, print: Print): Promise<Machine> {
  const result = await askAloud(name, "diagnose");
  const machine = describeMachine(version, [result]);
  print(machineText(machine));
  tell(result, print);
  return machine;
}

async function askAloud(name: BackendName, depth: Depth): Promise<EngineResult> {
  announce(depth === "start" ? `starting ${name} …` : `trying every operation on ${name} …`);
  const result = await ask(name, depth);
  announce("");
  return result;
}

function machineText(machine: Machine): string {
  return `${headline(machine)}\n\n${engineTable(machine.engines)}`;
}

function tell(result: EngineResult, print: Print): void {
  print(`\n${diagnosisText(result)}`);
  if (isBroken(result)) process.exitCode = 1;
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
