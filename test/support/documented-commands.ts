import { existsSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { parseArguments } from "../../examples/recipe/index.js";
import { program } from "../../src/cli/program.js";

/** Words of a shell line. Documented commands hold no quotes, and no more of a shell than `&&` and comments. */
type Words = readonly string[];

interface Manifest {
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
}

/** The commands of a `sh` block, without comments. */
export function commandsOf(code: string): string[] {
  return code
    .split("\n")
    .flatMap((line) => line.replace(/(^|\s)#.*$/, "").split("&&"))
    .map((command) => command.trim())
    .filter((command) => command !== "");
}

/** Throws, saying why, if the project does not have the command, its options, or a file that it names. Runs nothing. */
export function checkCommand(command: string, root: string): void {
  const [tool, ...words] = command.split(/\s+/);
  if (tool === "npm") checkNpm(words, root);
  else if (tool === "npx") checkNpx(words, root);
  else if (!(tool === "pip" && words[0] === "install"))
    throw new Error("expected a command of npm, npx or pip");
}

/** Scripts of what `cfd-distill new` begins, see scripts/build-templates.ts. */
const OF_NEW_PROJECTS = ["dev", "preview"];

/** Every `npm run NAME` of a page that names no script, in its text as well as in its blocks. */
export function unknownScripts(page: string, root: string): string[] {
  const { scripts } = readManifest(root);
  const named = Array.from(page.matchAll(/npm run ([\w:-]+)/g), ([, name]) => name!);
  return named.filter((name) => !Object.hasOwn(scripts, name) && !OF_NEW_PROJECTS.includes(name));
}

function checkNpm([verb, name, ...words]: Words, root: string): void {
  if (verb === "install" || verb === "test") return;
  const { scripts } = readManifest(root);
  const script = verb === "run" ? scripts[name!] : undefined;
  if (script === undefined) throw new Error(`expected a script of package.json, got ${verb} ${name}`);
  if (words.length > 0 && words[0] !== "--") throw new Error("expected -- before a script's own options");
  const [runner, ...fixed] = script.split(" ");
  checkProgram(runner!, [...fixed, ...words.slice(1)], root);
}

function checkNpx([tool, ...words]: Words, root: string): void {
  if (tool === readManifest(root).name) checkOwn(program(), words);
  else checkProgram(tool!, words, root);
}

/** A tool of node_modules: of tsx the script and its options, of all others the paths. */
function checkProgram(tool: string, words: Words, root: string): void {
  if (!existsSync(`${root}/node_modules/.bin/${tool}`)) throw new Error(`${tool} is not installed`);
  const paths = words.filter((word) => /^(examples|test|docs|src|scripts|bench)\b/.test(word));
  const missing = paths.find((path) => !existsSync(`${root}/${path}`));
  if (missing !== undefined) throw new Error(`there is no ${missing}`);
  if (tool === "tsx") checkScript(words[0]!, words.slice(1), root);
}

function checkScript(path: string, words: Words, root: string): void {
  const recipe = RECIPES.find((name) => path === `examples/${name}.ts`);
  if (recipe !== undefined) parseArguments(recipe, ["node", path, ...words]);
  else {
    const source = readFileSync(`${root}/${path}`, "utf8");
    const unknown = words.find((word) => word.startsWith("--") && !source.includes(word));
    if (unknown !== undefined) throw new Error(`${path} has no option ${unknown}`);
  }
}

const RECIPES = ["quickstart", "cifar10-cfd"] as const;

function checkOwn(cli: Command, [name, ...words]: Words): void {
  const command = cli.commands.find((one) => one.name() === name);
  if (command === undefined) throw new Error(`expected a command of ${cli.name()}, got ${name}`);
  const { operands, unknown } = command.parseOptions([...words]);
  if (unknown.length > 0) throw new Error(`${name} has no option ${unknown[0]}`);
  const { length } = command.registeredArguments.filter(({ required }) => required);
  if (operands.length < length) throw new Error(`${name} takes ${length} words, got ${operands.length}`);
}

function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as Manifest;
}
