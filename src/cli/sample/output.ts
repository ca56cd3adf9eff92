import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { check, fail } from "../../check.js";
import { reason } from "../explain.js";

/** Refuses, before anything is computed, a file that is there already or that could not be written. */
export async function checkOutput(path: string, { force }: { readonly force: boolean }): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  check(!found?.isDirectory(), "sample", "a file to write", `the folder ${path}`);
  check(found === undefined || force, "sample", "a picture that is not there yet, or --force", path);
  const folder = dirname(path);
  // "/." because a file may be writable, too, but holds no files
  await access(`${folder}/.`, constants.W_OK).catch((error: unknown) =>
    fail("sample", `to be able to write into ${folder}`, reason(error)),
  );
}
