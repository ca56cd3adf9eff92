import { readdir, readFile, rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { versions, type NativeBuild } from "../../backends/native/folder.js";
import { run, type Place } from "./run.js";

const wheelName: Readonly<Record<NativeBuild, string>> = { node: "tensorflow-cpu", cuda: "tensorflow" };

/**
 * The arguments of `pip download`: the wheels for one Python and these systems, whatever Python runs pip; of
 * TensorFlow's wheel nothing that belongs to Python is used. pip compares checksums with those of its index.
 */
export function pipArguments(requirements: readonly string[], into: string): string[] {
  const systems = ["manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux2010", "manylinux1"];
  const platforms = systems.flatMap((system) => ["--platform", `${system}_x86_64`]);
  const python = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "none"];
  const quiet = ["--no-cache-dir", "--progress-bar", "off", "--disable-pip-version-check"];
  const what = ["--no-deps", "--only-binary=:all:", "-d", into, ...requirements];
  return ["-m", "pip", "download", ...quiet, ...python, ...platforms, ...what];
}

/** The requirements that a wheel's METADATA lists under its extra `and-cuda`: NVIDIA's libraries. */
export function cudaRequirements(metadata: string): string[] {
  return metadata
    .split("\n")
    .map((line) => /^Requires-Dist: ([^;]+?)\s*;\s*extra == ["']and-cuda["']/.exec(line)?.[1])
    .filter((requirement) => requirement !== undefined)
    .map((requirement) => requirement.replace(/[ ()]/g, ""));
}

// Node cannot read zip archives; Python is needed for pip anyway.
const UNPACK = `
import sys, zipfile
wheel, target, *wanted = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if name.startswith(tuple(wanted))])
`;

const include = "tensorflow/include/";
const OF_TENSORFLOW = [
  "tensorflow/libtensorflow_cc.so.2",
  "tensorflow/libtensorflow_framework.so.2",
  ...["tensorflow/c/", "tensorflow/core/platform/", "tensorflow/tsl/", "tsl/", "xla/tsl/"].map(
    (path) => include + path,
  ),
  `tensorflow-${versions.tensorflow}.dist-info/METADATA`,
];

/** Brings TensorFlow's libraries and headers to `tensorflow/` in `place.cwd`, for CUDA NVIDIA's to `nvidia/` as well. */
export async function bringTensorflow(build: NativeBuild, python: string, place: Place): Promise<void> {
  await bring([`${wheelName[build]}==${versions.tensorflow}`], OF_TENSORFLOW, python, place);
  if (build === "node") return;
  const metadata = join(place.cwd, `tensorflow-${versions.tensorflow}.dist-info/METADATA`);
  await bring(cudaRequirements(await readFile(metadata, "utf8")), ["nvidia/"], python, place);
  await linkLibraries(place.cwd);
}

async function bring(
  requirements: readonly string[],
  wanted: readonly string[],
  python: string,
  place: Place,
) {
  const wheels = join(place.cwd, "wheels");
  await run(`pip to download ${requirements.join(" ")}`, python, pipArguments(requirements, wheels), place);
  for (const wheel of await readdir(wheels)) {
    const args = ["-c", UNPACK, join(wheels, wheel), place.cwd, ...wanted];
    await run(`Python to unpack ${wheel}`, python, args, place);
  }
  await rm(wheels, { recursive: true });
}

/** Beside TensorFlow's own libraries as well, where the dynamic loader looks for what they open by name. */
async function linkLibraries(folder: string): Promise<void> {
  const nvidia = join(folder, "nvidia");
  const paths = await readdir(nvidia, { recursive: true });
  for (const path of paths.filter((each) => /\/lib\/[^/]+\.so[.\d]*$/.test(each))) {
    const target = join(nvidia, path);
    const link = join(folder, "tensorflow", path.split("/").at(-1)!);
    await symlink(relative(join(folder, "tensorflow"), target), link);
  }
}
