import { readFileSync } from "node:fs";
import { Command } from "commander";
import { doctorCommand } from "./doctor/command.js";
import { inspectCommand } from "./inspect/command.js";
import { installNativeCommand } from "./install-native/command.js";
import { newCommand } from "./new/command.js";
import { printableLines } from "./printable.js";
import { sampleCommand } from "./sample/command.js";

/** The command `cfd-distill`: one sub-command a file, each a function that returns its `Command`. */
export function program(): Command {
  const version = ownVersion();
  const cli = new Command("cfd-distill")
    .description("Distillation of diffusion models in JavaScript.")
    .version(version)
    .option("--stack", "show where an error comes from")
    .helpCommand(false)
    .configureOutput({ writeErr: (text) => process.stderr.write(printableLines(text)) });
  const commands = [
    newCommand(),
    sampleCommand(),
    inspectCommand(),
    installNativeCommand(),
    doctorCommand(version),
  ];
  for (const command of commands) cli.addCommand(command.copyInheritedSettings(cli));
  return cli;
}

function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
