import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import * as data from "../../src/data/index.js";
import * as formats from "../../src/formats/index.js";
import * as main from "../../src/index.js";
import * as metrics from "../../src/metrics/index.js";
import * as node from "../../src/node/index.js";
import { guides } from "../../tools/site/guides.js";
import { blocksOfPage, documentedPages } from "../support/documented-examples.js";

// What the pages say of the house itself: where things are, what a page is for, how variables are called.

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
const read = (file: string) => readFileSync(`${root}/${file}`, "utf8");
const pages = documentedPages(root);
const inDocs = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");

/** Paths of the repository that a page names, in its text as well as in its blocks; links are checked elsewhere. */
function pathsIn(page: string): string[] {
  const named =
    page.match(/(?<![\w./-])(?:src|test|examples|scripts|tools|bench|docs)\/[\w./-]*[\w/]/g) ?? [];
  return named.filter((path) => !BUILT.some((folder) => path.startsWith(folder)));
}
const NOTES = ["CHANGELOG.md", "bench/NOTES.md", "scripts/reference/README.md"];
const BUILT = ["docs/api", "examples/browser/dist"];

/** Variables of a block that hide a builder of the package. */
function hidingIn(code: string): string[] {
  const builders = ["denoiser", "classifier", "noise", "statistics"];
  const found: string[] = [];
  const visit = (one: ts.Node): void => {
    const declares = ts.isVariableDeclaration(one) || ts.isBindingElement(one) || ts.isParameter(one);
    if (declares && ts.isIdentifier(one.name) && builders.includes(one.name.text)) found.push(one.name.text);
    ts.forEachChild(one, visit);
  };
  visit(ts.createSourceFile("block.ts", code, ts.ScriptTarget.Latest));
  return found;
}

describe("the pages", () => {
  it("begin with a README of one screen", () => {
    expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(160);
  });

  it("are all found from docs/README.md, and all on the site", () => {
    const linked = (page: string) => read("docs/README.md").includes(`(${page.replace("docs/", "")}`);
    expect(inDocs.filter((page) => !linked(page))).toEqual([]);
    const listed = Object.values(guides).flat();
    expect(inDocs.filter((page) => !listed.includes(page))).toEqual([]);
  });

  it.each([...pages, ...NOTES])("%s names no path that is not there", (page) => {
    expect(pathsIn(read(page)).filter((path) => !existsSync(`${root}/${path}`))).toEqual([]);
  });

  it.each(pages)("%s calls no variable as a builder is called", (page) => {
    const blocks = blocksOfPage(page, read(page)).filter(({ language }) => ["ts", "js"].includes(language));
    expect(blocks.flatMap(({ line, code }) => hidingIn(code).map((name) => `${line}: ${name}`))).toEqual([]);
  });

  it("name in the README's table of parts only what the main entry has", () => {
    const [, table] = /\| part \|.*?\n(.*?)\n\n/s.exec(read("README.md"))!;
    const names = Array.from(table!.matchAll(/`([a-z][A-Za-z0-9]{4,})`/g), ([, name]) => name!);
    const engines = ["webgl", "webgpu"];
    expect(names.filter((name) => !Object.hasOwn(main, name) && !engines.includes(name))).toEqual([]);
  });

  it.each(Object.entries({ formats, metrics, data, node }))("docs/%s.md has every export", (name, entry) => {
    const page = read(`docs/${name}.md`);
    expect(Object.keys(entry).filter((one) => !page.includes(`\`${one}\``))).toEqual([]);
  });
});

describe("the map in CONTRIBUTING.md", () => {
  it("has the rooms of src, and no others", () => {
    const [, table] = /\| src\/ \| holds \|\n(.*?)\n\n/s.exec(read("CONTRIBUTING.md"))!;
    const cells = table!.split("\n").map((row) => row.split("|")[1]!);
    const mapped = cells.flatMap((cell) => Array.from(cell.matchAll(/`([\w.-]+)\/?`/g), ([, name]) => name!));
    const there = readdirSync(`${root}/src`).filter((name) => name !== "index.ts");
    expect([...mapped].sort()).toEqual(there.sort());
  });
});

describe("looking at a page", () => {
  it("finds paths that are not there", () => {
    const page = "`src/io/npz.ts`, in test/a, `npm run x`, [a](../src/b.ts), docs/api. See bench/none.md.";
    expect(pathsIn(page)).toEqual(["src/io/npz.ts", "test/a", "bench/none.md"]);
  });

  it("finds variables that hide a builder, however they are made", () => {
    const code =
      "const { denoiser } = a; let noise = 1; f((statistics) => 2); const { classifier: judge } = b; f({ denoiser: c });";
    expect(hidingIn(code)).toEqual(["denoiser", "noise", "statistics"]);
  });
});
