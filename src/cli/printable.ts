/** Characters that a terminal obeys: control characters, and those that turn the direction of what follows. */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from a file or an error, in one line, with what a terminal would obey as JSON writes it. */
export function printable(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same of text in lines. Of JSON it leaves JSON: such characters stand within its strings alone. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Prints what a command has found: the only way for it to the terminal. */
export function say(text: string): void {
  console.log(printableLines(text));
}
