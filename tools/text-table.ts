// Numbers and tables as text.

/** A table as text: the first `left` columns to the left, the others to the right. */
export function textTable(
  rows: readonly (readonly string[])[],
  { left = 1 }: { readonly left?: number } = {},
): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const pad = (cell: string, i: number) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
  return rows.map((cells) => cells.map(pad).join("   ").trimEnd()).join("\n");
}

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
