// Numbers and tables as text.
import { Help } from "commander";

/** As wide as a terminal is that nobody has widened. */
const WIDTH = 80;

const help = Object.assign(new Help(), { minWidthToWrap: 1 });

/** Text in lines of at most `width`, broken at spaces. */
export function wrapped(text: string, width = WIDTH): string[] {
  return help.boxWrap(text, width).split("\n");
}

/**
 * A table as text: the first `left` columns to the left, the others to the right. Where it would be wider than `width`,
 * the first column is wrapped.
 */
export function textTable(
  rows: readonly (readonly string[])[],
  { left = 1, width = Infinity }: { readonly left?: number; readonly width?: number } = {},
): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const others = widths.slice(1).reduce((sum, each) => sum + GAP.length + each, 0);
  widths[0] = Math.min(widths[0]!, Math.max(NARROWEST, width - others));
  const pad = (cell: string, i: number) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
  return rows
    .flatMap(([name, ...cells]) => {
      const [first = "", ...rest] = wrapped(name!, widths[0]);
      return [[first, ...cells].map(pad).join(GAP).trimEnd(), ...rest];
    })
    .join("\n");
}

const GAP = "   ";
/** What a first column has in any case. */
const NARROWEST = 12;

/** A number with `digits` after the point; "-" where there is none. */
export function show(value: number, digits = 0): string {
  return Number.isNaN(value) ? "-" : value.toFixed(digits);
}

/** "1 thread", "2 threads". */
export function inThreads(count: number): string {
  return count === 1 ? "1 thread" : `${count} threads`;
}

/** Bytes as megabytes (10^6). */
export function megabytes(bytes: number): string {
  return show(bytes / 1e6);
}
