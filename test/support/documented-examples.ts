import { existsSync, readdirSync, readFileSync } from "node:fs";

/** One fenced block of TypeScript in the documentation. */
export interface DocumentedExample {
  /** Path from the repository's root, with forward slashes. */
  readonly file: string;
  /** The line, from 1, of the block's first line of code. */
  readonly line: number;
  readonly code: string;
  /** Whether the fence says `ts no-run`: code that needs what a test lacks (a browser, a data set). */
  readonly skipped: boolean;
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/** Every example of the documentation: those under `@example` tags and those of the hand-written pages. */
export function documentedExamples(root: string): DocumentedExample[] {
  const read = (file: string) => readFileSync(`${root}/${file}`, "utf8");
  const pages = ["README.md", ...filesUnder(root, "docs", false)].filter((file) =>
    existsSync(`${root}/${file}`),
  );
  return [
    ...filesUnder(root, "src", true)
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => examplesOfSource(file, read(file))),
    ...pages.filter((file) => file.endsWith(".md")).flatMap((file) => examplesOfPage(file, read(file))),
  ];
}

/** The ```ts blocks that follow an `@example` tag in the docstrings of one source file. */
export function examplesOfSource(file: string, source: string): DocumentedExample[] {
  const lines: Line[] = [];
  let inComment = false;
  let inExample = false;
  let inFence = false;
  for (const line of numbered(source)) {
    if (/^\s*\/\*\*/.test(line.text)) inComment = true;
    const text = line.text.replace(/^\s*\/?\*+ ?/, "");
    if (inComment && !inFence && text.startsWith("@")) inExample = text.startsWith("@example");
    if (inComment && inExample && text.startsWith("```")) inFence = !inFence;
    if (inComment && inExample) lines.push({ ...line, text });
    if (line.text.includes("*/")) inComment = inExample = inFence = false;
  }
  return fencedBlocks(file, lines);
}

/** The ```ts blocks of a Markdown page that use the package; others only show a shape or a fragment. */
export function examplesOfPage(file: string, page: string): DocumentedExample[] {
  return fencedBlocks(file, numbered(page)).filter(({ code }) =>
    /\b(?:from|import) "cfd-distill[/"]/.test(code),
  );
}

function fencedBlocks(file: string, lines: readonly Line[]): DocumentedExample[] {
  const blocks: DocumentedExample[] = [];
  let open: { info: string; body: Line[]; line: number } | undefined;
  for (const { number, text } of lines) {
    if (!text.startsWith("```")) {
      open?.body.push({ number, text });
    } else if (open === undefined) {
      open = { info: text.slice(3).trim(), body: [], line: number + 1 };
    } else {
      const { info, body, line } = open;
      const code = body.map((entry) => entry.text).join("\n");
      if (/^ts\b/.test(info)) blocks.push({ file, line, code, skipped: info === "ts no-run" });
      open = undefined;
    }
  }
  return blocks;
}

function numbered(text: string): Line[] {
  return text.split(/\r?\n/).map((line, index) => ({ number: index + 1, text: line }));
}

function filesUnder(root: string, folder: string, recursive: boolean): string[] {
  if (!existsSync(`${root}/${folder}`)) return [];
  return readdirSync(`${root}/${folder}`, { recursive, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}
