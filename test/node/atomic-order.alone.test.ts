import { mkdtemp, readFile, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { writeFileAtomic } from "../../src/node/atomic.js";

// A new name that reaches the disk before the bytes do is a file of nothing after a power cut.

const calls: string[] = [];
const failing = { sync: false };

vi.mock(import("node:fs/promises"), async (original) => {
  const real = await original();
  const open = async (...args: Parameters<typeof real.open>) => {
    const file: FileHandle = await real.open(...args);
    const what = args[1] === "w" ? "file" : "folder";
    const sync = file.sync.bind(file);
    file.sync = async () => {
      calls.push(`sync of the ${what}`);
      if (failing.sync) throw new Error("no space left");
      await sync();
    };
    return file;
  };
  const rename = async (...args: Parameters<typeof real.rename>) => {
    calls.push("rename");
    await real.rename(...args);
  };
  return { ...real, open: open, rename };
});

it("writes to the disk, then renames, then makes the name durable; a file that does not get there keeps its old content", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cfd-"));
  const path = join(folder, "a.bin");
  await writeFileAtomic(path, Uint8Array.of(1));
  const ends = process.platform === "win32" ? [] : ["sync of the folder"];
  expect(calls).toEqual(["sync of the file", "rename", ...ends]);
  failing.sync = true;
  await expect(writeFileAtomic(path, Uint8Array.of(2))).rejects.toThrow("no space left");
  expect(calls.slice(2 + ends.length)).toEqual(["sync of the file"]);
  expect([...(await readFile(path))]).toEqual([1]);
  await rm(folder, { recursive: true });
});
