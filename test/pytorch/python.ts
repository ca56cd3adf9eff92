import { execFile, spawnSync } from "node:child_process";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Found } from "../../tools/machine.js";

export const PYTHON = process.env.PYTHON ?? "python3";
const REFERENCE = fileURLToPath(new URL("../../scripts/reference/", import.meta.url));
const VERSIONS = `
import numpy, onnx, onnxruntime, safetensors, tensorboard, torch, torchmetrics
print(", ".join(f"{m.__name__} {m.__version__}" for m in (torch, safetensors, onnx, onnxruntime, numpy, torchmetrics, tensorboard)))
`;

/** The Python that the variable PYTHON names, or python3, if it has what requirements.txt lists: at its versions. */
export function findPyTorch(): Found {
  const { status, stdout, stderr, error } = spawnSync(PYTHON, ["-c", VERSIONS], { encoding: "utf8" });
  if (status === 0) return { at: stdout.trim() };
  const reason = error?.message ?? stderr.trim().split("\n").at(-1) ?? "";
  return {
    reason: `${PYTHON} does not run PyTorch (${reason})`,
    cure: "pip install -r test/pytorch/requirements.txt, or set PYTHON to a Python that has it",
  };
}

/** Runs a program of this folder or of scripts/reference; rejects with what it wrote to stderr if it fails. */
export async function python(program: string, ...args: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const modules = [REFERENCE, process.env.PYTHONPATH ?? []].flat().join(delimiter);
  const env = { ...process.env, PYTHONPATH: modules, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(PYTHON, [path, ...args], { env, maxBuffer: Infinity });
  return stdout;
}
