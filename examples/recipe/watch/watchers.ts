import type { CliChoice } from "../cli.js";
import type { Workplace } from "../workplace.js";
import { page } from "./page.js";
import { tensorboard } from "./tensorboard.js";
import type { Watcher } from "./watcher.js";

/** Those whom the command line asks for. */
export function watchersOf(choice: CliChoice, place: Workplace): Watcher[] {
  return [...(choice.html ? [page(place)] : []), ...(choice.tensorboard ? [tensorboard(place.out)] : [])];
}
