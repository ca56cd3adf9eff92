import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fail } from "../check.js";
import { bytesOf } from "../formats/bytes.js";

let written = 0;

/**
 * Writes a file so that at every moment, also after a power cut or kill -9, `path` holds either its previous content or
 * the new one, whole: the bytes go to a temporary file in the same folder, to the disk, and then take the name `path`.
 * A process that is killed meanwhile can leave its temporary file `.NAME.PID.N.tmp` behind, see
 * {@link removeTemporaries}.
 *
 * @param path where to write; the folder must exist
 * @param content the whole content: a Uint8Array or an ArrayBuffer
 * @throws (rejects) if it cannot be written; then `path` is as it was and no temporary file is left
 * @example
 * ```ts
 * import { mkdtemp, readFile, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { writeFileAtomic } from "cfd-distill/node";
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * await writeFileAtomic(join(folder, "a.bin"), new Uint8Array([1, 2, 3]));
 * console.log((await readFile(join(folder, "a.bin"))).length); // 3
 * await rm(folder, { recursive: true });
 * ```
 */
export async function writeFileAtomic(path: string, content: Uint8Array | ArrayBufferLike): Promise<void> {
  const bytes = bytesOf("writeFileAtomic", content);
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${written++}.tmp`);
  try {
    await writeToDisk(temporary, bytes);
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    fail("writeFileAtomic", `to be able to write ${path}`, error instanceof Error ? error.message : error);
  }
}

/**
 * Removes the temporary files that writers killed within {@link writeFileAtomic} (or `saveCheckpoint`) left in a folder.
 * Call it when a run starts or goes on, while nobody else writes there: it does not spare a live writer's file.
 *
 * @param folder where to look; folders in it are left alone, one that does not exist holds nothing
 * @throws (rejects) if the folder cannot be read or a file not be removed
 * @example
 * ```ts
 * import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { removeTemporaries } from "cfd-distill/node";
 * const folder = await mkdtemp(join(tmpdir(), "cfd-"));
 * await writeFile(join(folder, ".student.safetensors.4711.0.tmp"), "");
 * await removeTemporaries(folder);
 * console.log(await readdir(folder)); // []
 * await rm(folder, { recursive: true });
 * ```
 */
export async function removeTemporaries(folder: string): Promise<void> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const left = entries.filter((entry) => entry.isFile() && /^\..+\.\d+\.\d+\.tmp$/.test(entry.name));
    await Promise.all(left.map(({ name }) => rm(join(folder, name), { force: true })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    fail(
      "removeTemporaries",
      `to be able to clear ${folder}`,
      error instanceof Error ? error.message : error,
    );
  }
}

async function writeToDisk(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync(); // else the new name could reach the disk before the bytes do
  } finally {
    await file.close();
  }
}

/** Makes the new name itself durable. Windows has no such call and does not open folders. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
