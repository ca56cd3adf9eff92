import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { check, fail } from "../../check.js";
import { reason } from "../explain.js";
import { packageName } from "./name.js";

/** What a project begins with. */
export interface Template {
  /** A folder that is copied. */
  readonly from: string;
  /** Files from elsewhere, by their places in the project. */
  readonly files: Readonly<Record<string, string>>;
}

/** What is asked of a template's package.json. */
interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const WHERE = "new";

/** Makes a project of a template: all of it, or nothing. `folder` is empty, or not there. */
export async function create(template: Template, folder: string): Promise<void> {
  check(existsSync(template.from), WHERE, "the template that `npm run build` makes", "none");
  const target = resolve(folder);
  const isThere = await checkFree(target, folder);
  const place = isThere ? target : dirname(target);
  check(existsSync(place), WHERE, `a folder that ${folder} is to lie in`, `none at ${dirname(folder)}`);
  const temporary = join(place, `.${basename(target)}.${process.pid}.tmp`);
  try {
    await fill(template, temporary, basename(target));
    if (isThere) await moveOut(temporary, target);
    else await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    fail(WHERE, `to be able to write ${folder} (choose another folder)`, reason(error));
  }
}

/** Whether the folder is there; throws unless it is empty. */
async function checkFree(target: string, folder: string): Promise<boolean> {
  const wanted = "a folder that is empty or not there yet (choose another name)";
  const found = await stat(target).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return fail(WHERE, wanted, `${folder}: ${reason(error)}`);
  });
  if (found === undefined) return false;
  check(found.isDirectory(), WHERE, wanted, `the file ${folder}`);
  const names = await readdir(target).catch((error: unknown) => fail(WHERE, wanted, reason(error)));
  check(names.length === 0, WHERE, wanted, `${folder} with ${names[0]!} in it`);
  return true;
}

/** Writes the project into a new folder. */
async function fill({ from, files }: Template, folder: string, name: string): Promise<void> {
  await mkdir(folder);
  await cp(from, folder, { recursive: true });
  for (const [to, file] of Object.entries(files)) await copyFile(file, join(folder, to));
  await rename(join(folder, "gitignore"), join(folder, ".gitignore"));
  const path = join(folder, "package.json");
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  const needed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  const named = { name: packageName(name, needed), ...manifest };
  await writeFile(path, `${JSON.stringify(named, undefined, 2)}\n`);
}

/** Moves what is in a folder into the one around it, back again where that fails. */
async function moveOut(folder: string, target: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const name of await readdir(folder)) {
      await rename(join(folder, name), join(target, name));
      moved.push(name);
    }
    await rmdir(folder);
  } catch (error) {
    for (const name of moved) await rm(join(target, name), { recursive: true, force: true });
    throw error;
  }
}
