// What the recipe tells its user. Names come from files and folders of others: a terminal must not obey them.
import { messageOf } from "../../../tools/words.js";

/** Prints text, of one line or several. */
export function print(text: string): void {
  console.log(printableLines(text));
}

/** Prints an error, of whatever kind. */
export function printError(error: unknown): void {
  console.error(printableLines(messageOf(error)));
}

/** Text whose lines are lines and whose other control characters are shown. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Control characters, and those that turn the direction of what follows. */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line, with what a terminal would obey as JSON writes it. */
function printable(line: string): string {
  return line.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
