import { existsSync, readdirSync, readFileSync } from "node:fs";

/** One fenced block of the documentation. */
export interface DocumentedBlock {
  /** Path from the repository's root, with forward slashes. */
  readonly file: string;
  /** The line, from 1, of the block's first line. */
  readonly line: number;
  /** The first word of the fence, "" if there is none. */
  readonly language: string;
  readonly code: string;
  /** The rest of the fence: why or as what a test does not run the block. */
  readonly mark?: Mark;
}

/** What may follow the language in a fence: `no-run: REASON` for what a test lacks; `copy of PATH` for a file that is tested where it lies. */
export interface Mark {
  readonly kind: "no-run" | "copy";
  readonly text: string;
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/** Every block of the documentation: those under `@example` tags, and those of the README and the pages in docs. */
export function documentedBlocks(root: string): DocumentedBlock[] {
  const read = (file: string) => readFileSync(`${root}/${file}`, "utf8");
  const sources = filesUnder(root, "src", true).filter((file) => file.endsWith(".ts"));
  return [
    ...sources.flatMap((file) => blocksOfSource(file, read(file))),
    ...documentedPages(root).flatMap((file) => blocksOfPage(file, read(file))),
  ];
}

/** The pages written by hand. */
export function documentedPages(root: string): string[] {
  const guides = filesUnder(root, "docs", false).filter((file) => file.endsWith(".md"));
  return ["README.md", "CONTRIBUTING.md", "tools/site/home.md", ...guides];
}

/** The ```ts blocks that follow an `@example` tag in the docstrings of one source file. */
export function blocksOfSource(file: string, source: string): DocumentedBlock[] {
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
  return fencedBlocks(file, lines).filter(({ language }) => language === "ts");
}

/** Every block of a Markdown page. */
export function blocksOfPage(file: string, page: string): DocumentedBlock[] {
  return fencedBlocks(file, numbered(page));
}

function fencedBlocks(file: string, lines: readonly Line[]): DocumentedBlock[] {
  const blocks: DocumentedBlock[] = [];
  let open: { info: string; body: string[]; line: number } | undefined;
  for (const { number, text } of lines) {
    if (!text.startsWith("```")) {
      open?.body.push(text);
    } else if (open === undefined) {
      open = { info: text.slice(3).trim(), body: [], line: number + 1 };
    } else {
      const { info, body, line } = open;
      blocks.push({ file, line, ...readFence(info, `${file}:${line}`), code: body.join("\n") });
      open = undefined;
    }
  }
  return blocks;
}

function readFence(info: string, setup: string): Pick<DocumentedBlock, "language" | "mark"> {
  const [, language = "", rest = ""] = /^(\w*)\s*(.*)$/.exec(info) ?? [];
  if (rest === "") return { language };
  const [, kind, text] = /^(no-run:|copy of) (\S.*)$/.exec(rest) ?? [];
  if (kind === undefined || text === undefined) {
    throw new Error(`${setup}: expected "no-run: REASON" or "copy of PATH", got "${rest}".`);
  }
  return { language, mark: { kind: MARKS[kind]!, text } };
}

const MARKS: Readonly<Record<string, Mark["kind"]>> = {
  "no-run:": "no-run",
  "copy of": "copy",
};

function numbered(text: string): Line[] {
  return text.split(/\r?\n/).map((line, index) => ({ number: index + 1, text: line }));
}

function filesUnder(root: string, folder: string, recursive: boolean): string[] {
  if (!existsSync(`${root}/${folder}`)) return [];
  return readdirSync(`${root}/${folder}`, { recursive, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}
