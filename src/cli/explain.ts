import { inspect } from "node:util";
import { printable, printableLines } from "./printable.js";

/** What the command prints of an error: its message in one line, or all of it where the stack was asked for. */
export function explain(error: unknown, { stack = false }: { readonly stack?: boolean }): string {
  return stack ? printableLines(inspect(error)) : `error: ${oneLine(error)}`;
}

/** An error's message as a part of another: in one line, without its full stop. */
export function reason(error: unknown): string {
  return oneLine(error).replace(/\.$/, "");
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return printable(message.replace(/\s*\n\s*/g, " "));
}
