import { Command, InvalidArgumentError, Option } from "commander";
import { engineNames } from "../engines.js";
import { say } from "../printable.js";
import { showProgress } from "../progress.js";
import { SHIPPED } from "../shipped.js";
import { labelList, numberList, positive } from "./numbers.js";
import type { Drawing } from "./plan.js";

export function sampleCommand(): Command {
  return new Command("sample")
    .description("Draw images with a checkpoint, as a grid in one PNG.")
    .argument(
      "[checkpoint]",
      "a student or teacher that this library saved (default: one that comes with it)",
    )
    .option("-o, --output <png>", "the picture", pngName, "samples.png")
    .option("--force", "replace a picture that is there", false)
    .addOption(
      list("--seeds <list>", "an image for each: 1..64, or 1,5,9").default(numberList("1..16"), "1..16"),
    )
    .addOption(
      new Option(
        "--labels <list>",
        "classes, by number or name, -1 for none: one for all images, or one each (default: all in turn)",
      ).argParser(labelList),
    )
    .option("--steps <n>", "sampling steps (default: those it was trained for)", positive)
    .option("--columns <n>", "images in a row (default: as many as rows)", positive)
    .option("--scale <n>", "picture pixels a pixel (default: images about 100 wide)", positive)
    .option("--batch <n>", "images drawn at a time", positive, 16)
    .addOption(new Option("--engine <name>", "what computes").choices(engineNames).default("wasm"))
    .action(async (checkpoint: string | undefined, options: Omit<Drawing, "checkpoint">) => {
      const { draw } = await import("./draw.js"); // alone needs TensorFlow.js
      say(await draw({ checkpoint: checkpoint ?? SHIPPED, ...options }, showProgress));
    });
}

const list = (flags: string, description: string) => new Option(flags, description).argParser(numberList);

function pngName(path: string): string {
  if (path.toLowerCase().endsWith(".png")) return path;
  throw new InvalidArgumentError("Expected a name that ends in .png.");
}
