// Pages in Markdown of which programs write a part.

type Cells = readonly (string | number)[];

/** A table. */
export function markdownTable(head: Cells, rows: readonly Cells[]): string {
  const line = (cells: Cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The page with what stands between two marks replaced. */
export function replaceBetween(
  page: string,
  [begin, end]: readonly [begin: string, end: string],
  text: string,
): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`replaceBetween: expected the marks ${begin} and ${end}.`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** A list; what ends with a colon stands between its items. */
export function listOf(sentences: readonly string[]): string {
  return sentences.map((text) => (text.endsWith(":") ? `\n${text}\n` : `- ${text}`)).join("\n").trim(); // prettier-ignore
}
