import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LOCK, withLock } from "../storage/lock.js";

let home: string;
let out: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "lock-"));
  out = join(home, "run");
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

const free = () => withLock(out, () => Promise.resolve("done"));
const lockPath = () => join(out, LOCK);
/** A lock as somebody left it, last touched so many seconds ago. */
function leave(holder: object, secondsAgo = 0): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(lockPath(), JSON.stringify(holder));
  const then = new Date(Date.now() - 1000 * secondsAgo);
  utimesSync(lockPath(), then, then);
}
/** What this process writes of itself. */
async function mine(): Promise<Record<string, unknown>> {
  return withLock(out, () =>
    Promise.resolve(JSON.parse(readFileSync(lockPath(), "utf8")) as Record<string, unknown>),
  );
}
/** Another process that holds the folder until it is killed; resolves once it does. */
async function hold() {
  const program = `import { withLock } from "./examples/recipe/storage/lock.ts";
    await withLock(${JSON.stringify(out)}, () => { console.log("held"); return new Promise((done) => setTimeout(done, 60_000)); });`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}

describe("withLock", () => {
  it("lets a second run in when the first is done, whatever its end", async () => {
    let second: unknown;
    const first = withLock(out, async () => {
      second = await free().catch((error: unknown) => (error as Error).message);
      throw new Error("stop");
    });
    await expect(first).rejects.toThrow("stop");
    expect(second).toBe(
      `${out}: expected no other run in it, got one of process ${process.pid} on ${hostname()}. Wait for it, ` +
        `stop it, or choose another directory with --out; if it is no more, remove ${lockPath()}.`,
    );
    expect(existsSync(out)).toBe(false); // it made the folder, and nothing came into it
    expect(await free()).toBe("done");
  });

  it("leaves nothing but what the work left, and a folder that was there", async () => {
    mkdirSync(out);
    await free();
    expect(readdirSync(out)).toEqual([]);
    await withLock(out, () => writeFile(join(out, "config.json"), "{}"));
    expect(readdirSync(out)).toEqual(["config.json"]);
  });

  it("of a process that was killed counts for nothing at once, of one that lives for as long as it does", async () => {
    const child = await hold();
    await expect(free()).rejects.toThrow(`got one of process ${String(child.pid)} on`);
    utimesSync(lockPath(), new Date(0), new Date(0)); // stopped by Ctrl-Z, say: it may go on
    await expect(free()).rejects.toThrow("expected no other run in it");
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await gone;
    expect(existsSync(lockPath())).toBe(true);
    expect(await free()).toBe("done");
    expect(existsSync(lockPath())).toBe(false);
  });

  it("is not held by another process that has the same number since", async () => {
    leave({ ...(await mine()), id: "before", started: "1" });
    expect(await free()).toBe("done");
    leave({ ...(await mine()), id: "twin" });
    await expect(free()).rejects.toThrow("expected no other run in it");
  });

  it.skipIf(process.platform !== "linux")(
    "is not held by what has ended and waits for its parent",
    async () => {
      const parent = spawn("sh", ["-c", "sleep 0.3 & echo $!; exec sleep 20"]);
      const text: unknown = await new Promise((resolve) => parent.stdout.once("data", resolve));
      const pid = Number(String(text));
      const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      await vi.waitUntil(() => stat()[0] === "Z");
      leave({ ...(await mine()), id: "zombie", pid, started: stat()[19] });
      expect(await free()).toBe("done");
      parent.kill();
    },
  );

  it.each([
    ["another machine", { host: "elsewhere" }],
    ["another container, or before the machine started anew", { space: "other" }],
  ])("of %s is held while it is touched, and for a minute", async (_, other) => {
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    const holder = { ...(await mine()), id: "theirs", pid: dead, ...other };
    leave(holder, 50);
    await expect(free()).rejects.toThrow(`got one of process ${dead} on`);
    leave(holder, 70);
    expect(await free()).toBe("done");
  });

  it("that is a folder is nobody's, and left alone", async () => {
    mkdirSync(lockPath(), { recursive: true });
    await expect(free()).rejects.toThrow(`${lockPath()}: expected the file of a run's lock, got a folder.`);
    expect(readdirSync(out)).toEqual([LOCK]);
  });

  it("that no run can have written is taken away", async () => {
    for (const text of ["", "{", "null", "[]", '{"pid": "x"}']) {
      mkdirSync(out, { recursive: true });
      writeFileSync(lockPath(), text);
      utimesSync(lockPath(), new Date(0), new Date(0));
      expect(await free(), text).toBe("done");
    }
  });

  it("is touched while the main thread is busy", async () => {
    await withLock(out, async () => {
      await new Promise((resolve) => setTimeout(resolve, 300)); // until the thread runs
      utimesSync(lockPath(), new Date(0), new Date(0));
      const end = Date.now() + 7_000;
      while (Date.now() < end && readTime() === 0) block(100);
      expect(readTime()).toBeGreaterThan(Date.now() - 60_000);
    });
  }, 20_000);

  it("goes to one of many that start at once", async () => {
    leave({ ...(await mine()), id: "before", started: "1" });
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, () => withLock(out, () => new Promise((done) => setTimeout(done, 50)))),
    );
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

/** Stops this thread for some milliseconds. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function readTime(): number {
  return statSync(lockPath()).mtimeMs;
}
