// Makes of examples/ what `cfd-distill new` copies, dist/templates: there is no second copy of these files.
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../tools/run.js";

/** A project that somebody begins with. */
interface Template {
  /** Where its files and folders come from in this repository, by where they go. */
  readonly files: Readonly<Record<string, string>>;
  /** What of these folders is left out. */
  readonly without: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  /** Packages that no file imports. */
  readonly tools: readonly string[];
  /** What TypeScript and editors are to know. */
  readonly compilerOptions: object;
  /** What git is to leave out. */
  readonly made: readonly string[];
}

/** Without its student, which is in the package once, for `cfd-distill sample`, too. */
const page: Template = {
  files: {
    ".": "examples/page",
    "LICENSE.noto-emoji": "examples/assets/LICENSE.noto-emoji",
  },
  without: [],
  scripts: { dev: "vite", build: "vite build", preview: "vite preview" },
  tools: [],
  compilerOptions: {
    lib: ["ES2022", "DOM"],
    module: "ESNext",
    moduleResolution: "Bundler",
    types: ["vite/client"],
  },
  made: ["dist"],
};

const same = (names: readonly string[], from: string, to = from) =>
  Object.fromEntries(names.map((name) => [join(to, name), join(from, name)]));

/** In folders as deep as here, so that every import is right as it is. */
const recipe: Template = {
  files: {
    "README.md": "examples/recipe/README.md",
    ...same(["cifar10-cfd.ts", "recipe"], "examples", "src"),
    ...same(["letters.json", "letters.png", "LICENSE.inter"], "examples/assets", "src/assets"),
    ...same(["did-you-mean.ts", "image-sets.ts", "text-table.ts", "words.ts"], "tools"),
  },
  without: ["README.md", "test"],
  scripts: { start: "tsx src/cifar10-cfd.ts" },
  tools: ["tsx", "@types/node"],
  compilerOptions: { lib: ["ES2022", "DOM"], module: "NodeNext", types: ["node"] },
  made: ["runs", "data"],
};

make("page", page);
make("recipe", recipe);

const { classes } = JSON.parse(readFileSync(join(root, "examples/assets/models/manifest.json"), "utf8")) as {
  classes: string[];
};
writeFileSync(at("page", "public/kinds.json"), json(classes));

const program = at("recipe", "src/cifar10-cfd.ts");
writeFileSync(
  program,
  readFileSync(program, "utf8").replaceAll("npx tsx examples/cifar10-cfd.ts", "npm start --"),
);

function make(name: string, { files, without, scripts, tools, compilerOptions, made }: Template): void {
  rmSync(at(name), { recursive: true, force: true });
  for (const [to, from] of Object.entries(files)) {
    const start = join(root, from);
    const filter = (path: string) => path === start || !without.includes(basename(path));
    cpSync(start, at(name, to), { recursive: true, filter });
  }
  const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
  const options = { target: "ES2022", ...compilerOptions, ...strict, skipLibCheck: true, noEmit: true };
  writeFileSync(at(name, "tsconfig.json"), json({ compilerOptions: options }));
  writeFileSync(at(name, "gitignore"), ["node_modules", ...made].map((folder) => `${folder}/\n`).join("")); // npm packs no .gitignore
  writeFileSync(
    at(name, "package.json"),
    json({ private: true, type: "module", scripts, ...packagesOf(name, tools) }),
  );
}

/** The packages that a template's files import, with their types, in the versions that this repository has. */
function packagesOf(name: string, tools: readonly string[]) {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const known: Readonly<Record<string, string>> = {
    ...own.devDependencies,
    ...own.dependencies,
    "cfd-distill": `^${own.version}`,
  };
  const imported = importsOf(at(name));
  const dev = [
    ...imported.filter((one) => one === "vite"),
    ...tools,
    ...imported.map((one) => `@types/${one}`),
  ];
  const versions = (names: readonly string[]) => Object.fromEntries(names.map((one) => [one, known[one]!]));
  return {
    dependencies: versions(imported.filter((one) => one !== "vite")),
    devDependencies: versions(dev.filter((one) => one in known).sort()),
  };
}

/** The packages that a folder's programs import, in the order of their names. */
function importsOf(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const named = files.flatMap((file) =>
    Array.from(
      readFileSync(join(folder, file), "utf8").matchAll(
        /^(?:import|export|\}) .*?"((?:@[\w-]+\/)?[a-z][\w-]*)/gm,
      ),
      ([, name]) => name!,
    ),
  );
  return [...new Set(named)].filter((name) => name !== "node").sort();
}

function at(...path: string[]): string {
  return join(root, "dist/templates", ...path);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
