import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import ts from "typescript";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { documentedExamples, examplesOfPage, examplesOfSource } from "./support/documented-examples.js";
import type { DocumentedExample } from "./support/documented-examples.js";
import { entryFiles, exampleCompilerOptions, functionsWithoutExample } from "./support/public-functions.js";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");
const generated = `${root}/test/.generated`;
const examples = documentedExamples(root);
const runnable = examples.filter(({ skipped }) => !skipped);
const place = ({ file, line }: DocumentedExample) => `${file}:${line}`;
const moduleOf = ({ file, line }: DocumentedExample) =>
  `${generated}/${file.replaceAll("/", "_")}-${line}.ts`;

beforeAll(() => {
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  // Blank lines in front keep the numbers: line 40 of the module is line 40 of the page it came from.
  for (const example of examples) {
    writeFileSync(moduleOf(example), `${"\n".repeat(example.line - 1)}${example.code}\nexport {};\n`);
  }
});

describe("every example of the documentation", () => {
  beforeEach(async () => {
    vi.spyOn(console, "log").mockReturnValue();
    await tf.setBackend("cpu");
    await tf.ready();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  for (const example of runnable) {
    const name = place(example);
    it(`${name} runs and frees its tensors`, async () => {
      const before = tf.memory().numTensors;
      await import(/* @vite-ignore */ moduleOf(example)).catch((error: unknown) => {
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      });
      expect(tf.memory().numTensors - before, `tensors left behind by ${name}`).toBe(0);
    });
  }

  it("is run, but for a few that need what a test lacks", () => {
    const skipped = examples.filter((example) => example.skipped);
    expect(skipped.length, skipped.map(place).join(", ")).toBeLessThan(examples.length / 5);
  });

  it("compiles, and every public function has one", () => {
    const entries = entryFiles(root);
    const program = ts.createProgram([...entries, ...examples.map(moduleOf)], exampleCompilerOptions(root));
    const complaints = examples.flatMap((example) => {
      const source = program.getSourceFile(moduleOf(example))!;
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
    expect(examplesOfSource("src/a.ts", source)).toEqual([
      { file: "src/a.ts", line: 8, code: "const a = 1;\n\n  two(a);", skipped: false },
    ]);
  });

  it("takes the ts blocks of a page that import the package, and sees the mark no-run", () => {
    const page = [
      `${fence}sh`,
      "npm test",
      fence,
      `${fence}ts`,
      "type Times = number[];",
      fence,
      `${fence}ts no-run`,
      'import "cfd-distill/backends/wasm";',
      fence,
    ].join("\n");
    expect(examplesOfPage("README.md", page)).toEqual([
      {
        file: "README.md",
        line: 8,
        code: 'import "cfd-distill/backends/wasm";',
        skipped: true,
      },
    ]);
  });
});
