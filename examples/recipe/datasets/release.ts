import { createHash } from "node:crypto";
import { createReadStream, existsSync, lstatSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { download, forget } from "./download.js";
import { unpack, type Archive } from "./unpack.js";
import { messageOf } from "../../../tools/words.js";

/** A dataset that is published as one .tar.gz file. */
export interface Release extends Archive {
  readonly name: string;
  /** The page that describes it. */
  readonly page: string;
  readonly url: string;
  /** Of the archive, in hexadecimal. */
  readonly md5: string;
}

/**
 * Fetches a release into `directory` and unpacks it; does nothing where all its files stand there already. Nothing is
 * used before its checksum was compared, and the folder appears whole or not at all. An archive that somebody put into
 * `directory` under its own name is used instead of a download, and kept.
 *
 * @returns the folder with the release's files
 * @throws (rejects) if the folder exists without all its files, the host cannot be reached or does not have the file
 *   (telling what to do by hand), the download breaks off (a later call goes on from there), the checksum differs, the
 *   archive holds what it should not, or `signal` is aborted (with its reason)
 */
export async function fetchRelease(
  release: Release,
  options: { readonly directory: string; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const { directory, signal } = options;
  const folder = join(directory, release.folder);
  if (existsSync(folder)) {
    checkFolder(release, folder);
    return folder;
  }
  await mkdir(directory, { recursive: true });
  const archive = join(directory, basename(new URL(release.url).pathname));
  if (existsSync(archive)) {
    await checkMd5(release, archive, "Remove it to have it downloaded.");
    await install(release, { archive, directory, signal });
    return folder;
  }
  const part = `${archive}.part`;
  await download(release.url, part, { title: `${release.name} (MB)`, signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    const what = messageOf(error);
    throw new Error(`${what} ${adviceFor(release, archive)}`, { cause: error });
  });
  try {
    await checkMd5(release, part, "It was removed; run this again, or take another mirror.", signal);
  } catch (error) {
    if (signal?.aborted !== true) await forget(part);
    throw error;
  }
  await install(release, { archive: part, directory, signal });
  await forget(part);
  return folder;
}

function adviceFor({ url, page, md5 }: Release, archive: string): string {
  return (
    `To do without: get ${basename(archive)} (MD5 ${md5}; see ${page}) from ${url} on a machine that can, then either ` +
    `put it at ${archive} and run this again, or unpack it and name its folder with --data DIR.`
  );
}

function checkFolder({ name, files }: Release, folder: string): void {
  for (const [file, size] of Object.entries(files)) {
    const found = lstatSync(join(folder, file), { throwIfNoEntry: false });
    if (found?.isFile() === true && found.size === size) continue;
    const state = found === undefined ? "no such file" : `${found.size} bytes`;
    throw new Error(
      `${folder}: expected ${file} of ${size} bytes, got ${state}. Remove the folder to have ${name} fetched anew.`,
    );
  }
}

async function checkMd5(
  { md5 }: Release,
  archive: string,
  advice: string,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash("md5");
  await pipeline(createReadStream(archive), hash, { signal });
  const found = hash.digest("hex");
  if (found !== md5) throw new Error(`${archive}: expected MD5 ${md5}, got ${found}. ${advice}`);
}

/** Unpacks beside the final place and then renames, so that a folder of that name is always whole. */
async function install(
  release: Release,
  { archive, directory, signal }: { archive: string; directory: string; signal: AbortSignal | undefined },
): Promise<void> {
  signal?.throwIfAborted();
  const temporary = await mkdtemp(join(directory, `.${release.folder}-`));
  try {
    await unpack(archive, release, temporary);
    signal?.throwIfAborted();
    await rename(join(temporary, release.folder), join(directory, release.folder));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
