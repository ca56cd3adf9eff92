import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CACHE } from "../tools/packages.js";
import { succeeds } from "../tools/run.js";
import { startContender, type Contender } from "./contender.js";
import type { StepName } from "./workloads.js";

/**
 * Milliseconds of PyTorch 2.13 with two threads on two Zen 4 cores (and its growth of resident memory in a base
 * step, bytes), shown as stored where PyTorch can be neither found nor installed.
 */
export const STORED: Readonly<Record<"small" | "paper", Readonly<Partial<Record<StepName, number>>>>> = {
  small: { forward: 77, base: 251, progressive: 424, cfd: 718 },
  paper: { forward: 326, base: 1127 },
};

// glibc gives large blocks back to the system at once, and each new one costs page faults: a quarter of a forward
// pass. PyTorch's own tuning guide says to change the allocator; these settings are the part that needs no package.
const KEEP_MEMORY = { MALLOC_TRIM_THRESHOLD_: "2000000000", MALLOC_MMAP_THRESHOLD_: "2000000000" };

const FOLDER = `${CACHE}/pytorch`;
const CPU_WHEELS = "https://download.pytorch.org/whl/cpu";

/** PyTorch on CPU in so many threads; nothing without a Python that has it. */
export async function startPytorch(
  python: string | undefined,
  threads: number,
  { tuned = true } = {},
): Promise<Contender | undefined> {
  if (python === undefined) return undefined;
  const script = fileURLToPath(new URL("pytorch.py", import.meta.url));
  return startContender(python, [script, String(threads)], tuned ? KEEP_MEMORY : {});
}

/** The Python that has PyTorch, which is installed first if need be; undefined where that fails. */
export function findPytorch(): string | undefined {
  const own = `${FOLDER}/bin/python3`;
  const found = ["python3", own].find((python) => succeeds(python, ["-c", "import torch"]));
  if (found !== undefined) return found;
  if (!existsSync(own)) console.error("Installing PyTorch (CPU, 200 MB) into node_modules/.cache ...");
  const installed =
    succeeds("python3", ["-m", "venv", FOLDER]) &&
    succeeds(own, ["-m", "pip", "install", "--quiet", "torch", "numpy", "--index-url", CPU_WHEELS]);
  return installed ? own : undefined;
}
