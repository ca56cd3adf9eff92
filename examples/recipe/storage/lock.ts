// One run at a time in a folder: a file there says who runs. A run that was killed leaves it behind, and it counts for
// nothing as soon as nobody can be behind it.
import { randomUUID } from "node:crypto";
import {
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { codeOf } from "../../../tools/words.js";

export const LOCK = "run.lock";
/** A holder touches its file so often, and counts as gone when it has not for {@link STALE}. */
const BEAT = 2_000;
const STALE = 60_000;

/** Who holds a folder. A process id says something only where it was given, and only with the time of the start. */
interface Holder {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** The boot and the namespace in which the process id counts, and when the process started; "" where unknown. */
  readonly space: string;
  readonly started: string;
}

/**
 * Does `work` while this process alone holds the folder, which is made if it is not there.
 *
 * @throws (rejects) if another run holds it: a process of this machine that lives, or one elsewhere (in a container, on
 *   another machine with the same disk) that has touched the lock within a minute; and as `work` does
 */
export async function withLock<T>(out: string, work: () => Promise<T>): Promise<T> {
  const made = mkdirSync(out, { recursive: true });
  const path = join(out, LOCK);
  try {
    const me = take(path, out);
    const beat = heartbeat(path);
    try {
      return await work();
    } finally {
      await beat.terminate();
      if (read(path)?.id === me.id) rmSync(path, { force: true });
    }
  } finally {
    if (made !== undefined) removeEmpty(out);
  }
}

/** Writes the lock, whole or not at all, where there is none or one that nobody is behind. */
function take(path: string, out: string): Holder {
  const { space, started } = processOf(process.pid);
  const me = { id: randomUUID(), host: hostname(), pid: process.pid, space, started };
  const mine = `${path}.${me.id}`;
  try {
    writeFileSync(mine, JSON.stringify(me));
    for (let tries = 0; tries < 10; tries++) {
      if (linked(mine, path)) return me;
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
        throw new Error(`${path}: expected the file of a run's lock, got a folder.`);
      }
      const holder = read(path);
      if (holder !== undefined && isHeld(holder, path, mine)) refuse(holder, out, path);
      removeDead(path, holder?.id);
    }
    throw new Error(`${out}: expected to be the only run in it, got others that start at the same time.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

function refuse({ host, pid }: Holder, out: string, path: string): never {
  throw new Error(
    `${out}: expected no other run in it, got one of process ${pid} on ${host}. Wait for it, stop it, or choose another ` +
      `directory with --out; if it is no more, remove ${path}.`,
  );
}

/** Gives a file a second name where nothing has it; a file system without links takes a copy. */
function linked(from: string, to: string): boolean {
  for (const give of [linkSync, copyNew]) {
    try {
      give(from, to);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      if (give === copyNew) throw error;
    }
  }
  return false;
}

function copyNew(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL);
}

/** A lock's holder; undefined if there is no lock, or one that no run can have written. */
function read(path: string): Holder | undefined {
  try {
    const { id, host, pid, space, started } = JSON.parse(readFileSync(path, "utf8")) as Holder;
    return { id, host, pid, space, started };
  } catch {
    return undefined;
  }
}

/** `now` is a file of this moment on the same disk, whose clock is the one that counts. */
function isHeld(holder: Holder, path: string, now: string): boolean {
  const alive = isAlive(holder);
  if (alive !== undefined) return alive;
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return touched !== undefined && statSync(now).mtimeMs - touched < STALE;
}

/** Undefined where this process cannot know. */
function isAlive({ host, pid, space, started }: Holder): boolean | undefined {
  const here = processOf(process.pid);
  if (host !== hostname() || space !== here.space) return undefined;
  try {
    process.kill(pid, 0); // asks, and sends nothing
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const now = processOf(pid);
  if (started === "" || now.started === "") return undefined;
  return now.started === started && !now.ended;
}

/** Takes a dead lock away, and nothing but that one, should another run have been quicker. */
function removeDead(path: string, id: string | undefined): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (read(aside)?.id !== id) linked(aside, path);
  rmSync(aside, { force: true });
}

/** A process's place and start, as Linux tells them. */
function processOf(pid: number): { space: string; started: string; ended: boolean } {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const space = `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
    // The name of the program, in brackets, may hold anything; the state is the first word after it, the start the 20th.
    const words = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    return { space, started: words[19]!, ended: words[0] === "Z" || words[0] === "X" };
  } catch {
    return { space: "", started: "", ended: false };
  }
}

/** Touches the lock from a thread of its own, as a step of training may keep this one busy for minutes. */
function heartbeat(path: string): Worker {
  const program = `
    const { closeSync, openSync, writeSync } = require("node:fs");
    const { path, every } = require("node:worker_threads").workerData;
    const touch = () => {
      const file = openSync(path, "r+"); // what is written is what stands there: the disk's own clock dates it
      try { writeSync(file, "{", 0); } finally { closeSync(file); }
    };
    setInterval(() => { try { touch(); } catch {} }, every);`;
  const worker = new Worker(program, { eval: true, workerData: { path, every: BEAT } });
  worker.unref();
  return worker;
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds a run by now.
  }
}
