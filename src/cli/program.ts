import { readFileSync } from "node:fs";
import { Command } from "commander";
import { doctorCommand } from "./doctor/command.js";
import { inspectCommand } from "./inspect/command.js";
import { installNativeCommand } from "./install-native/command.js";
import { sampleCommand } from "./sample/command.js";

/** The command `cfd-distill`: one sub-command a file, each a function that returns its `Command`. */
export function program(): Command {
  const version = ownVersion();
  return new Command("cfd-distill")
    .description("Distillation of diffusion models in JavaScript.")
    .version(version)
    .option("--stack", "show where an error comes from")
    .helpCommand(false)
    .addCommand(sampleCommand())
    .addCommand(inspectCommand())
    .addCommand(installNativeCommand())
    .addCommand(doctorCommand(version));
}

function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
