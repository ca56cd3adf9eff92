import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nativeFolder, versions, type NativeBuild } from "../../backends/native/folder.js";
import { bringTfjsNode, compileBinding } from "./binding.js";
import {
  checkNpm,
  checkSpace,
  checkSystem,
  findCompiler,
  findPython,
  thisSystem,
  WHERE,
} from "./requirements.js";
import { bringTensorflow } from "./wheels.js";
import type { Place } from "./run.js";

type Say = (line: string) => void;

/**
 * Builds tfjs-node against a current TensorFlow, unless that was done before, and has it train in a process of its
 * own. What is built appears in its place all at once, and only if it works.
 */
export async function installNative(build: NativeBuild, say: Say, signal: AbortSignal): Promise<void> {
  const folder = nativeFolder(build);
  if (existsSync(folder)) {
    try {
      say(`${tryOut(build)}, built before: ${folder}`);
      return;
    } catch (error) {
      say(`The build in ${folder} does not work here, so it is made anew. ${(error as Error).message}`);
    }
  }
  checkSystem(thisSystem());
  const tools = { compiler: findCompiler(), python: findPython() };
  checkNpm();
  await mkdir(dirname(folder), { recursive: true });
  await removeLeftovers(dirname(folder));
  await checkSpace(build, folder);
  // A cache of its own: what tries the build out finds it as every program will.
  const cache = await mkdtemp(join(dirname(folder), `${PARTIAL}${process.pid}-`));
  try {
    const made = nativeFolder(build, { CFD_DISTILL_CACHE: cache });
    await mkdir(made, { recursive: true });
    const place = { cwd: made, env: { ...process.env, TMPDIR: cache }, log: join(cache, "log.txt"), signal };
    await keepingTheLog(`${folder}.log`, place, () => make(build, tools, place, say));
    say(`${tryOut(build, cache)}: ${folder}`);
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

interface Tools {
  readonly compiler: string;
  readonly python: string;
}

async function make(build: NativeBuild, tools: Tools, place: Place, say: Say): Promise<void> {
  say(`1/3 tfjs-node ${versions.tfjsNode} by npm`);
  await bringTfjsNode(place);
  const size = build === "cuda" ? "with NVIDIA's libraries, about 3.5 GB" : "274 MB";
  say(`2/3 TensorFlow ${versions.tensorflow} by pip, ${size}`);
  await bringTensorflow(build, tools.python, place);
  say(`3/3 the binding between them by ${tools.compiler}`);
  await compileBinding(tools.compiler, place);
}

/** What the programs of a failed build printed stays, and the error names it. */
async function keepingTheLog(kept: string, { log, signal }: Place, task: () => Promise<void>): Promise<void> {
  await rm(kept, { force: true });
  try {
    await task();
  } catch (cause) {
    if (signal.aborted) throw new Error(`${WHERE}: interrupted; nothing was installed.`, { cause });
    await copyFile(log, kept);
    throw new Error(`${(cause as Error).message} The log is ${kept}`, { cause });
  }
}

/** Trains one step with a build, in a process that may as well crash, and says in a line what computed. */
function tryOut(build: NativeBuild, cache?: string): string {
  const extension = extname(import.meta.url); // .ts where the repository's own sources run
  const program = fileURLToPath(new URL(`../../backends/native/trial${extension}`, import.meta.url));
  const env = cache === undefined ? process.env : { ...process.env, CFD_DISTILL_CACHE: cache };
  const args = [...process.execArgv, program, build];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  if (status === 0) return stdout.trim();
  const errors = [...stderr.matchAll(/^(?:.*\[cause\]: )?\w*Error: (.*)$/gm)]; // the last is the cause of the others
  const reason = errors.at(-1)?.[1] ?? `its process to end by ${signal ?? status}`;
  throw new Error(`${WHERE}: expected the build to train one step, got: ${reason}`);
}

const PARTIAL = ".partial-";

/** Removes what builds left that were killed before they could clean up. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const process = new RegExp(`^\\${PARTIAL}(\\d+)-`).exec(basename(name))?.[1];
    if (process !== undefined && !isAlive(Number(process))) await rm(join(parent, name), { recursive: true });
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch {
    return false;
  }
}
