import { existsSync, readFileSync } from "node:fs";
import ts from "typescript";

/** The source files behind the package's entries, read off the exports of package.json. */
export function entryFiles(root: string): string[] {
  const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  const built = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [] : [entry.default]));
  const sources = built.map((file) => file.replace("./dist/", `${root}/src/`).replace(/\.js$/, ".ts"));
  const missing = sources.filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`package.json: no source for the entries ${missing.join(", ")}`);
  return sources;
}

/** The project's own compiler options, without the complaints that an example may well earn. */
export function exampleCompilerOptions(root: string): ts.CompilerOptions {
  const read = ts.readConfigFile(`${root}/tsconfig.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, root);
  return { ...options, noUnusedLocals: false, noUnusedParameters: false };
}

/** `file: name` of every function the given modules export whose docstring holds no ```ts example. */
export function functionsWithoutExample(program: ts.Program, files: readonly string[]): string[] {
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) return [];
    return checker
      .getExportsOfModule(module)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter((symbol) => isFunction(symbol, checker) && !hasExample(symbol, checker))
      .map((symbol) => `${file}: ${symbol.name}`);
  });
}

function isFunction(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  const { valueDeclaration } = symbol;
  if (valueDeclaration === undefined) return false;
  return checker.getTypeOfSymbolAtLocation(symbol, valueDeclaration).getCallSignatures().length > 0;
}

function hasExample(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  return symbol
    .getJsDocTags(checker)
    .some((tag) => tag.name === "example" && ts.displayPartsToString(tag.text).includes("```ts"));
}
