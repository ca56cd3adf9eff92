import { inNode } from "../../../in-node.js";
import { builtin } from "../start/builtin.js";

/**
 * The machine's physical cores, as near as can be told: two threads that share a core's arithmetic are no faster than
 * one. Linux lists which logical cores share a core. Elsewhere Node only counts logical ones, of which x64 mostly has two a
 * core and arm64 one. A page only counts them too: up to four are taken as they are, of more the half, but not fewer than four.
 */
export async function physicalCores(): Promise<number> {
  if (!inNode()) {
    const logical = globalThis.navigator.hardwareConcurrency || 1;
    return logical <= 4 ? logical : Math.max(4, Math.ceil(logical / 2));
  }
  const os = await builtin("os");
  const logical = os.availableParallelism();
  if (os.platform() === "linux") return Math.min(logical, (await coresOfLinux()) ?? logical);
  return os.arch() === "arm64" ? logical : Math.ceil(logical / 2);
}

const CPUS = "/sys/devices/system/cpu";

/** How many different sets of siblings Linux lists; undefined where it lists none. */
async function coresOfLinux(): Promise<number | undefined> {
  const { readdir, readFile } = await builtin("fs/promises");
  try {
    const cpus = (await readdir(CPUS)).filter((name) => /^cpu\d+$/.test(name));
    const files = cpus.map((cpu) => readFile(`${CPUS}/${cpu}/topology/thread_siblings_list`, "utf8"));
    return new Set(await Promise.all(files)).size || undefined;
  } catch {
    return undefined;
  }
}
