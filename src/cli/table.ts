import { Help } from "commander";
import { printable } from "./printable.js";

/** As wide as a terminal is that nobody has widened. */
const WIDTH = 80;
/** What a last column has in any case. */
const NARROWEST = 20;

const help = Object.assign(new Help(), { minWidthToWrap: 1 });

/** Text in lines that fit a terminal, broken at spaces, those after the first further in. */
export function wrapped(text: string, indent = 0): string {
  return help.boxWrap(text, WIDTH - indent).replaceAll("\n", `\n${" ".repeat(indent)}`);
}

/** Rows as text, every column to the left; the last is wrapped. */
export function table(texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map(printable));
  const last = rows[0]!.length - 1;
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const indent = Math.min(before, WIDTH - NARROWEST);
  const cell = (text: string, column: number) =>
    column === last ? wrapped(text, indent) : text.padEnd(widths[column]!);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}
