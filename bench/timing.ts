/** Median milliseconds of `f` over `rounds` calls, after two that do not count. */
export function medianTime(f: () => void, rounds: number): number {
  f();
  f();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    f();
    return performance.now() - start;
  });
  times.sort((a, b) => a - b);
  return times[Math.floor(rounds / 2)]!;
}

/** Rows as text, the first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join("  ")).join("\n");
}
