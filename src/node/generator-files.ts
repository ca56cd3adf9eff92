import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../backends/native/folder.js";
import type { NodeFiles, Store } from "../generator/store.js";
import { writeFileAtomic } from "./atomic.js";
import { readNamed, readWhole } from "./read-whole.js";

const WHERE = "loadGenerator";

/** Where a file is kept: its folder may be removed at any time, and is made again. */
function pathOf(key: string): string {
  const name = createHash("sha256").update(key).digest("hex");
  return join(cacheFolder(process.env, WHERE), "models", `${name}.safetensors`);
}

const store: Store = {
  async read(key) {
    try {
      return await readWhole(pathOf(key), WHERE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  async write(key, bytes) {
    const path = pathOf(key);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, bytes);
  },
  async remove(key) {
    await rm(pathOf(key), { force: true });
  },
};

/** What `loadGenerator` does with files; it looks for this under this name. */
export const files: NodeFiles["files"] = {
  store,
  read: (address) => readNamed(fileURLToPath(address), WHERE),
};
