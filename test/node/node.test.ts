import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors/safetensors.js";
import { removeTemporaries, writeFileAtomic } from "../../src/node/atomic.js";
import { loadCheckpoint, loadNetworkCheckpoint } from "../../src/node/checkpoint.js";
import { readCifar10 } from "../../src/node/cifar10.js";
import { loadDiffusers } from "../../src/node/diffusers.js";
import { readWhole } from "../../src/node/read-whole.js";
import { createRng } from "../../src/rng.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cfd-distill-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

describe("writeFileAtomic", () => {
  it("writes, replaces, and leaves nothing else in the folder", async () => {
    const path = join(folder, "a.bin");
    await writeFileAtomic(path, bytes(10, 1));
    await writeFileAtomic(path, bytes(5, 2));
    await writeFileAtomic(path, bytes(5, 2).buffer);
    await expect(writeFileAtomic(path, new Float32Array(1e5) as never)).rejects.toThrow(
      "writeFileAtomic: expected a Uint8Array, got a Float32Array, whose elements are no bytes.",
    );
    expect(new Uint8Array(await readFile(path))).toEqual(bytes(5, 2));
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("leaves one whole file when two writes race", async () => {
    const path = join(folder, "a.bin");
    await Promise.all([1, 2, 3, 4].map((value) => writeFileAtomic(path, bytes(1 << 20, value))));
    const written = await readFile(path);
    expect(written.equals(bytes(1 << 20, written[0]!))).toBe(true);
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("names the file when it cannot be written, and cleans up", async () => {
    const missing = join(folder, "no", "a.bin");
    await expect(writeFileAtomic(missing, bytes(1, 1))).rejects.toThrow(
      `writeFileAtomic: expected to be able to write ${missing}, got ENOENT`,
    );
    const taken = join(folder, "taken"); // a folder with something in it cannot be replaced by a file
    await mkdir(taken);
    await writeFile(join(taken, "x"), "x");
    await expect(writeFileAtomic(taken, bytes(1, 1))).rejects.toThrow("writeFileAtomic: expected to be able");
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  it("has its leftovers removed by removeTemporaries, which spares everything else", async () => {
    const kept = [".a.bin.tmp", ".hidden", "a.bin", "b.1.2.tmp"];
    for (const name of [...kept, ".a.bin.12.0.tmp", ".config.json.7.31.tmp"])
      await writeFile(join(folder, name), "x");
    await mkdir(join(folder, ".folder.1.2.tmp"));
    await removeTemporaries(folder);
    expect((await readdir(folder)).sort()).toEqual([...kept, ".folder.1.2.tmp"].sort());
    await removeTemporaries(join(folder, "none"));
    await expect(removeTemporaries(join(folder, "a.bin"))).rejects.toThrow(
      /^removeTemporaries: expected to be able to clear .*a\.bin, got ENOTDIR/,
    );
  });

  it("survives kill -9 at any moment with a whole file", async () => {
    const path = join(folder, "saved.safetensors");
    const script = fileURLToPath(new URL("../support/save-forever.ts", import.meta.url));
    const rng = createRng(1);
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, ["--import", "tsx", script, path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data"); // at least one file has been written
      await setTimeout(rng.integer(60));
      child.kill("SIGKILL");
      await once(child, "close");
      const { data } = decodeSafetensors(await readFile(path)).data!;
      expect(data.every((value) => value === data[0])).toBe(true);
    }
  });
});

describe("reading checkpoints", () => {
  it("says which file is missing, empty, or not a checkpoint", async () => {
    const path = join(folder, "x.safetensors");
    const message = `loadCheckpoint: expected a checkpoint at ${path}, got `;
    await expect(loadCheckpoint(path)).rejects.toThrow(message + "ENOENT: no such file or directory");
    await writeFile(path, "");
    await expect(loadCheckpoint(path)).rejects.toThrow(
      message + "loadCheckpoint: expected a whole file, got an empty",
    );
    await writeFile(path, "not a checkpoint");
    await expect(loadCheckpoint(path)).rejects.toThrow(
      message +
        "decodeSafetensors: expected a safetensors file of at least 8 bytes, got text: not a checkpoint.",
    );
    await expect(loadNetworkCheckpoint(path)).rejects.toThrow(
      "loadNetworkCheckpoint: expected a checkpoint at",
    );
  });
});

describe("reading a file", () => {
  it("goes piece by piece, as Node's readFile ends at 2 GiB", async () => {
    const path = join(folder, "a.bin");
    const content = Uint8Array.from({ length: 10 }, (_, i) => i);
    await writeFile(path, content);
    for (const piece of [1, 3, 10, 11]) expect(await readWhole(path, "test", piece)).toEqual(content);
    await writeFile(path, "");
    expect(await readWhole(path, "test")).toEqual(new Uint8Array());
  });

  it("refuses more than an array holds, by the caller's name", async () => {
    const message = "expected a file of at most 4294967296 bytes at";
    const config = join(folder, "config.json");
    const batch = join(folder, "test_batch.bin");
    for (const path of [config, batch]) {
      await writeFile(path, "");
      await truncate(path, 2 ** 32 + 1); // sparse: it takes no room
    }
    await expect(loadCheckpoint(config)).rejects.toThrow(
      `loadCheckpoint: ${message} ${config}, got 4294967297.`,
    );
    await expect(loadNetworkCheckpoint(config)).rejects.toThrow(
      `loadNetworkCheckpoint: ${message} ${config}`,
    );
    await expect(loadDiffusers(folder)).rejects.toThrow(
      `loadDiffusers: ${message} ${config}, got 4294967297.`,
    );
    await expect(readCifar10(folder, "test")).rejects.toThrow(
      `readCifar10: ${message} ${batch}, got 4294967297.`,
    );
  });

  it("notices a file that becomes shorter meanwhile", async () => {
    const path = join(folder, "a.bin");
    await writeFile(path, bytes(1 << 20, 1));
    const reading = readWhole(path, "test", 1); // takes seconds
    const outcome = expect(reading).rejects.toThrow(
      /^test: expected 1048576 bytes at .*, got \d+: it became shorter/,
    );
    await setTimeout(200);
    await truncate(path, 0);
    await outcome;
  });
});
