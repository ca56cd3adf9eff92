import type { CliChoice } from "../config/command-line.js";
import type { Setup } from "../storage/setup.js";
import { page } from "./page.js";
import { tensorboard } from "./tensorboard.js";
import type { Watcher } from "../storage/watcher.js";

/** Those whom the command line asks for. */
export function watchersOf(choice: CliChoice, setup: Setup): Watcher[] {
  return [...(choice.html ? [page(setup)] : []), ...(choice.tensorboard ? [tensorboard(setup.out)] : [])];
}
