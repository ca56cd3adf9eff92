import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { NativeBuild } from "../../backends/native/folder.js";
import { check, fail } from "../../check.js";

// What a build needs of the machine, each asked for before anything is downloaded. Errors name the thing and its cure.

export const WHERE = "install-native";

/** The system as `process` and its report describe it. */
export interface System {
  readonly platform: string;
  readonly arch: string;
  /** Absent where the C library is another one, such as musl. */
  readonly glibc: string | undefined;
}

export function thisSystem(): System {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime };
}

/** TensorFlow's wheels for Linux ask for this C library. */
const GLIBC = "2.27";

export function checkSystem({ platform, arch, glibc }: System): void {
  const stock = "elsewhere `npm install @tensorflow/tfjs-node` may bring a build of its authors'";
  check(
    platform === "linux" && arch === "x64" && glibc !== undefined,
    WHERE,
    `Linux on x64 with glibc (${stock})`,
    `${platform} on ${arch}${platform === "linux" && glibc === undefined ? " without glibc" : ""}`,
  );
  const [major, minor] = glibc.split(".").map(Number) as [number, number];
  const enough = major > 2 || (major === 2 && minor >= Number(GLIBC.split(".")[1]));
  check(enough, WHERE, `glibc ${GLIBC} or later, that is a Linux distribution of 2018 or later`, glibc);
}

/** The bytes that a build takes at its peak: the wheels and what is unpacked of them. With CUDA it is an estimate. */
export const SPACE: Readonly<Record<NativeBuild, number>> = { node: 1.25e9, cuda: 10e9 };

/** Throws unless the disk of `folder`, which need not be there yet, has room for a build. */
export async function checkSpace(build: NativeBuild, folder: string, stat = statfs): Promise<void> {
  const { bavail, bsize } = await stat(existingParent(folder));
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  check(
    bavail * bsize >= SPACE[build],
    WHERE,
    `${gigabytes(SPACE[build])} free for ${folder} (the variable CFD_DISTILL_CACHE names another place)`,
    gigabytes(bavail * bsize),
  );
}

function existingParent(folder: string): string {
  return existsSync(folder) ? folder : existingParent(dirname(folder));
}

type Environment = NodeJS.ProcessEnv;

const runs = (program: string, args: readonly string[], env: Environment) =>
  spawnSync(program, args, { env, stdio: "ignore" }).status === 0;

export function findCompiler(env: Environment = process.env): string {
  const compilers = ["g++", "clang++", "c++"];
  const found = compilers.find((compiler) => runs(compiler, ["--version"], env));
  return (
    found ?? fail(WHERE, "a C++ compiler (Debian: `apt-get install g++`)", `none of ${compilers.join(", ")}`)
  );
}

/** A Python, of any version, that has pip. */
export function findPython(env: Environment = process.env): string {
  const pythons = ["python3", "python"].filter((python) => runs(python, ["--version"], env));
  const cure = "(Debian: `apt-get install python3-pip`)";
  check(pythons.length > 0, WHERE, `Python 3 with pip ${cure}`, "neither python3 nor python");
  const found = pythons.find((python) => runs(python, ["-m", "pip", "--version"], env));
  return found ?? fail(WHERE, `Python 3 with pip ${cure}`, `${pythons.join(" and ")} without pip`);
}

export function checkNpm(env: Environment = process.env): void {
  check(runs("npm", ["--version"], env), WHERE, "npm, which comes with Node, on the PATH", "none");
}
