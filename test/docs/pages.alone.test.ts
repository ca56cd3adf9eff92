import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkCommand, commandsOf, unknownScripts } from "../support/documented-commands.js";
import { blocksOfPage, documentedPages } from "../support/documented-examples.js";
import { brokenLinks } from "../support/documented-links.js";

// What examples.test.ts does not run: commands, copies of files, and that nothing else is there.

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
const read = (file: string) => readFileSync(`${root}/${file}`, "utf8");
const pages = documentedPages(root);
const blocks = pages.flatMap((file) => blocksOfPage(file, read(file)));
const place = ({ file, line }: { file: string; line: number }) => `${file}:${line}`;

describe("every block of the pages", () => {
  it("is run, copied from a file, a command, plain text, or marked with a reason", () => {
    const others = blocks.filter(({ language, mark }) => {
      return mark === undefined && !["ts", "sh", "text"].includes(language);
    });
    expect(others.map(place)).toEqual([]);
  });

  for (const block of blocks.filter(({ mark }) => mark?.kind === "copy")) {
    it(`${place(block)} is what ${block.mark!.text} says`, () => {
      expect(`${block.code}\n`).toBe(read(block.mark!.text));
    });
  }

  for (const block of blocks.filter(({ language, mark }) => language !== "ts" && mark?.kind === "no-run")) {
    it.skip(`${place(block)} is not run: ${block.mark!.text}`, () => undefined);
  }

  for (const block of blocks.filter(({ language, mark }) => language === "sh" && mark === undefined)) {
    it.each(commandsOf(block.code))(`${place(block)}: %s`, (command) => {
      checkCommand(command, root);
    });
  }

  it.each(pages)("%s links to files and headings that are there", (page) => {
    expect(brokenLinks(page, read(page), root)).toEqual([]);
  });

  it.each(pages)("%s names no script that package.json lacks", (page) => {
    expect(unknownScripts(read(page), root)).toEqual([]);
  });
});

describe("checking a command", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("splits lines, and leaves comments out", () => {
    expect(commandsOf("npm install && npm test   # both\n\n# nothing\nnpx vite a/b#c")).toEqual([
      "npm install",
      "npm test",
      "npx vite a/b#c",
    ]);
  });

  it.each([
    ["rm -rf x", "expected a command of npm, npx or pip"],
    ["npm run nothing", "expected a script of package.json, got run nothing"],
    ["npm run bench --ops", "expected -- before a script's own options"],
    ["npm run bench -- --opps", "has no option --opps"],
    ["npm run quickstart -- --stepscale 4", "process.exit"],
    ["npx tsx examples/nothing.ts", "there is no examples/nothing.ts"],
    ["npx tsx examples/cifar10-cfd.ts --preset huge", "process.exit"],
    ["npx nothing", "nothing is not installed"],
    ["npx cfd-distill draw", "expected a command of cfd-distill, got draw"],
    ["npx cfd-distill inspect", "inspect takes 1 words, got 0"],
    ["npx cfd-distill sample a.safetensors --stepz 1", "sample has no option --stepz"],
  ])("refuses %s", (command, message) => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true); // commander's own words
    expect(() => {
      checkCommand(command, root);
    }).toThrow(message);
  });

  it("finds scripts that are not there", () => {
    expect(unknownScripts("`npm run bench -- --ops`, `npm run bensh`", root)).toEqual(["bensh"]);
  });
});

describe("checking links", () => {
  it("finds files and headings that are not there, and leaves addresses alone", () => {
    const page =
      "# A page, `of` mine\n[a](#a-page-of-mine) [b](../README.md#install) [c](https://a.b/c) [d](none.md) [e](#b)";
    expect(brokenLinks("docs/a.md", page, root)).toEqual(["none.md", "#b"]);
  });
});
