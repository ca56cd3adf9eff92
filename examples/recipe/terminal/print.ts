// What the recipe tells its user. Names come from files and folders of others: a terminal must not obey them.
import { printable } from "../../../src/cli/printable.js";

/** Prints text, of one line or several. */
export function say(text: string): void {
  console.log(harmless(text));
}

/** Prints an error, of whatever kind. */
export function complain(error: unknown): void {
  console.error(harmless(error instanceof Error ? error.message : String(error)));
}

/** Text whose lines are lines and whose other control characters are shown. */
export function harmless(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
