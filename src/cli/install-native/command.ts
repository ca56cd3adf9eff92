import { Command } from "commander";
import { say } from "../printable.js";
import { installNative } from "./install.js";

export function installNativeCommand(): Command {
  return new Command("install-native")
    .description(
      "Build the engine `node` (or `cuda`) against a current TensorFlow; needs g++, Python's pip and npm.",
    )
    .option("--cuda", "with CUDA, for NVIDIA's graphics cards", false)
    .action(async ({ cuda }: { cuda: boolean }) => {
      const stop = new AbortController();
      const interrupt = () => {
        stop.abort();
      };
      process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
      await installNative(cuda ? "cuda" : "node", say, stop.signal);
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    });
}
