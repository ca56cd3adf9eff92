import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import ts from "typescript";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../src/index.js";
import { blocksOfPage, blocksOfSource, documentedBlocks } from "../support/documented-examples.js";
import type { DocumentedBlock } from "../support/documented-examples.js";
import { fetchFromFolder, writeDocumentedFiles } from "../support/documented-files.js";
import { entryFiles, exampleCompilerOptions, functionsWithoutExample } from "../support/public-functions.js";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
const generated = `${root}/test/.generated`;
const examples = documentedBlocks(root).filter(
  ({ language, mark }) => language === "ts" && mark?.kind !== "copy",
);
const runnable = examples.filter(({ mark }) => mark === undefined);
const skipped = examples.filter(({ mark }) => mark?.kind === "no-run");
const place = ({ file, line }: DocumentedBlock) => `${file}:${line}`;
const pathOf = ({ file, line }: DocumentedBlock) => `${generated}/${file.replaceAll("/", "_")}-${line}.ts`;

/** Blank lines in front keep the numbers: line 40 of the module is line 40 of the page it came from. */
function writeModule(example: DocumentedBlock): void {
  writeFileSync(pathOf(example), `${"\n".repeat(example.line - 1)}${example.code}\nexport {};\n`);
}

const before = process.cwd();

beforeAll(async () => {
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  for (const example of examples) writeModule(example);
  await useBackend("wasm");
  await writeDocumentedFiles(root, generated);
  process.chdir(generated); // what an example reads and writes lies beside it
});
afterAll(() => {
  process.chdir(before);
});

describe("every example of the documentation", () => {
  beforeEach(async () => {
    vi.spyOn(console, "log").mockReturnValue();
    vi.stubGlobal("fetch", fetchFromFolder);
    await useBackend("wasm");
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  for (const example of runnable) {
    const name = place(example);
    it(`${name} runs and frees its tensors`, async () => {
      const held = tf.memory().numTensors;
      await import(/* @vite-ignore */ pathOf(example)).catch((error: unknown) => {
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      });
      expect(tf.memory().numTensors - held, `tensors left behind by ${name}`).toBe(0);
    });
  }

  for (const example of skipped) {
    it.skip(`${place(example)} is compiled only: ${example.mark!.text}`, () => undefined);
  }

  it("compiles, and every public function has one", () => {
    const entries = entryFiles(root);
    const program = ts.createProgram([...entries, ...examples.map(pathOf)], exampleCompilerOptions(root));
    const complaints = examples.flatMap((example) => {
      const source = program.getSourceFile(pathOf(example))!;
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return found.map((diagnostic) => {
        const line = source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line + 1;
        return `${example.file}:${line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")}`;
      });
    });
    expect(complaints).toEqual([]);
    expect(functionsWithoutExample(program, entries)).toEqual([]);
  }, 180_000); // type-checks the whole package
});

describe("finding examples", () => {
  const fence = "```";

  it("takes the ts blocks of @example tags, with the line of their first line of code", () => {
    const source = [
      "/**",
      " * Doubles.",
      ` * ${fence}ts`,
      " * not(an, example);",
      ` * ${fence}`,
      " * @example",
      ` * ${fence}ts`,
      " * const a = 1;",
      " *",
      " *   two(a);",
      ` * ${fence}`,
      " * @returns twice",
      ` * ${fence}ts`,
      " * neither();",
      ` * ${fence}`,
      " */",
      "export const double = 2;",
    ].join("\n");
    expect(blocksOfSource("src/a.ts", source)).toEqual([
      { file: "src/a.ts", line: 8, language: "ts", code: "const a = 1;\n\n  two(a);" },
    ]);
  });

  it("takes every block of a page, with its mark", () => {
    const page = [
      `${fence}sh`,
      "npm test",
      fence,
      "text",
      `${fence}ts no-run: needs a page`,
      "document.title;",
      fence,
    ].join("\n");
    expect(blocksOfPage("README.md", page)).toEqual([
      { file: "README.md", line: 2, language: "sh", code: "npm test" },
      {
        file: "README.md",
        line: 6,
        language: "ts",
        code: "document.title;",
        mark: { kind: "no-run", text: "needs a page" },
      },
    ]);
  });

  it("refuses a mark without a reason, and others", () => {
    for (const mark of ["no-run", "no-run:", "no-run: ", "norun: a page"]) {
      expect(() => blocksOfPage("a.md", `${fence}ts ${mark}\n${fence}`), mark).toThrow(
        `a.md:2: expected "no-run: REASON" or "copy of PATH", got "${mark.trim()}".`,
      );
    }
  });
});
