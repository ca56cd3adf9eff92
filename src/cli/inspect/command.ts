import { Command } from "commander";
import { say } from "../printable.js";

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Say what a file is: a checkpoint, safetensors, a PyTorch file, or a folder of diffusers.")
    .argument("<path>", "the file or folder; nothing in it is ever run")
    .option("--tensors", "list every tensor and value, not the first few", false)
    .option("--json", "print JSON in place of tables", false)
    .action(
      async (path: string, { tensors, json }: { readonly tensors: boolean; readonly json: boolean }) => {
        const { inspect } = await import("./inspect.js"); // alone needs TensorFlow.js
        const { inspectionText } = await import("./text.js");
        const found = await inspect(path);
        say(json ? JSON.stringify(found, undefined, 2) : inspectionText(found, { all: tensors }));
      },
    );
}
