import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fail } from "../../check.js";
import { nativeBackend } from "./load.js";

/** The graphics cards by the names that NVIDIA's driver gives them; none where there is no driver. */
export async function findCards(): Promise<readonly string[]> {
  try {
    const query = ["--query-gpu=name", "--format=csv,noheader"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query);
    return stdout.split("\n").filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}

/** Throws unless TensorFlow's list of devices, as the binding read it when it was loaded, has a GPU. */
export async function checkGpu(): Promise<void> {
  if (nativeBackend()?.isUsingGpuDevice === true) return;
  const cards = await findCards();
  const why =
    cards.length === 0
      ? "no NVIDIA driver answers (`nvidia-smi` lists no card)"
      : `the driver lists ${cards.join(", ")}; is it a build with CUDA, and which library do its messages miss?`;
  fail("useBackend", "TensorFlow to use a GPU", `CPUs only: ${why}`);
}
