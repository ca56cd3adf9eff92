import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { blocksOfPage } from "../support/documented-examples.js";

// Every error that a page quotes is one that the sources can still write.

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

function sourcesOf(folder: string): string {
  return readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(`${root}/${folder}/${name}`, "utf8"))
    .join("\n");
}

/** Text that is broken over lines of source is put together again; escapes are undone. */
const joined = (source: string) => source.replace(/["'`] \+\s*["'`]/g, "").replaceAll("\\`", "`");
const sources = joined(`${sourcesOf("src")}\n${sourcesOf("examples")}`);
/** Where TensorFlow.js keeps the two errors that are its own. */
const foreign = ["tape", "engine"]
  .map((name) => readFileSync(`${root}/node_modules/@tensorflow/tfjs-core/dist/${name}.js`, "utf8"))
  .join("\n");
const isForeign = (error: string) => /^(?:Cannot compute gradient|Kernel ')/.test(error);

/** What must stand in the source: `where: expected A, got B.` is put together from its parts, and `…` is left out. */
function fragmentsOf(error: string): string[] {
  const [, said] = /^(?:[\w.]+|…): expected (.*)\.$/.exec(error) ?? [undefined, error];
  return said
    .split(/[…();"']|, got | = NaN|\bat step\b/)
    .map((part) => part.trim().replace(/^[,;:.]\s*|[,;.(]$/g, ""))
    .filter((part) => part.length > 4);
}

const missing = (error: string, text: string) => fragmentsOf(error).filter((part) => !text.includes(part));

/** The pages whose plain text is errors. */
const quoting = ["troubleshooting", "formats", "metrics", "data", "node"].map((name) => `docs/${name}.md`);
const quoted = quoting.flatMap((page) =>
  blocksOfPage(page, readFileSync(`${root}/${page}`, "utf8"))
    .filter(({ language }) => language === "text")
    .flatMap(({ code }) => code.split("\n").map((error) => [page, error] as const)),
);

describe("the errors that pages quote", () => {
  it.each(quoted)("%s: %s", (_, error) => {
    expect(fragmentsOf(error).length, "parts to look for").toBeGreaterThan(0);
    expect(missing(error, isForeign(error) ? joined(foreign) : sources)).toEqual([]);
  });

  it("would be missed if the sources wrote others", () => {
    expect(missing("x: expected every turm to be finite, got ….", sources)).toEqual([
      "every turm to be finite",
    ]);
  });
});
