/** Rows as text, the first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join("  ")).join("\n");
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
