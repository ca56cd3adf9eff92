import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nativeFolder } from "../../src/backends/native/folder.js";
import {
  checkNpm,
  checkSpace,
  checkSystem,
  findCompiler,
  findPython,
  SPACE,
  thisSystem,
} from "../../src/cli/install-native/requirements.js";
import { explainFailure } from "../../src/cli/install-native/run.js";
import { cudaRequirements, pipArguments } from "../../src/cli/install-native/wheels.js";
import { machineWith } from "./machine.js";

const work = mkdtempSync(join(tmpdir(), "cfd-distill-install-"));
afterAll(() => {
  rmSync(work, { recursive: true });
});

const machine = (programs: Readonly<Record<string, string>>) => machineWith(work, programs);

describe("where a build lies", () => {
  const build = `tfjs-node-4.22.0-tensorflow-2.21.0-${process.platform}-${process.arch}`;
  it.each([
    [{ CFD_DISTILL_CACHE: "/c", XDG_CACHE_HOME: "/x" }, `/c/native/${build}-node`],
    [{ XDG_CACHE_HOME: "/x" }, `/x/cfd-distill/native/${build}-node`],
  ])("%j", (env, folder) => {
    expect(nativeFolder("node", env)).toBe(folder);
  });

  it("keeps TensorFlow with CUDA apart", () => {
    expect(nativeFolder("cuda", { CFD_DISTILL_CACHE: "/c" })).toBe(`/c/native/${build}-cuda`);
  });
});

describe("what a machine lacks", () => {
  const linux = { platform: "linux", arch: "x64", glibc: "2.36" };

  it("another system", () => {
    checkSystem(linux);
    const got = (system: object) => () => {
      checkSystem({ ...linux, ...system });
    };
    expect(got({ platform: "darwin", arch: "arm64", glibc: undefined })).toThrow(
      /^install-native: expected Linux on x64 with glibc \(.*npm install @tensorflow\/tfjs-node.*got darwin on arm64\.$/,
    );
    expect(got({ arch: "arm64" })).toThrow(/got linux on arm64\.$/);
    expect(got({ glibc: undefined })).toThrow(/got linux on x64 without glibc\.$/);
    expect(got({ glibc: "2.26" })).toThrow(/expected glibc 2\.27 or later.*got 2\.26\.$/);
    expect(thisSystem()).toMatchObject({ platform: process.platform, arch: process.arch });
  });

  it("room on the disk, found before anything is downloaded", async () => {
    const disk = (bytes: number) => () => Promise.resolve({ bavail: bytes / 4096, bsize: 4096 } as never);
    const folder = join(work, "not/yet/there");
    await expect(checkSpace("node", folder, disk(SPACE.node - 4096))).rejects.toThrow(
      `install-native: expected 1.25 GB free for ${folder} ` +
        "(the variable CFD_DISTILL_CACHE names another place), got 1.25 GB.",
    );
    await expect(checkSpace("cuda", folder, disk(SPACE.node))).rejects.toThrow("expected 10.00 GB free");
    await checkSpace("node", folder, disk(SPACE.node));
  });

  it("a compiler", () => {
    expect(() => findCompiler(machine({}))).toThrow(
      "install-native: expected a C++ compiler (Debian: `apt-get install g++`), got none of g++, clang++, c++.",
    );
    expect(findCompiler(machine({ "g++": "exit 1", "clang++": "exit 0" }))).toBe("clang++");
  });

  it("Python, or its pip", () => {
    const cure = "Python 3 with pip (Debian: `apt-get install python3-pip`)";
    expect(() => findPython(machine({}))).toThrow(`expected ${cure}, got neither python3 nor python.`);
    const withoutPip = `[ "$1" = --version ]`;
    expect(() => findPython(machine({ python3: withoutPip }))).toThrow(
      `expected ${cure}, got python3 without pip.`,
    );
    expect(findPython(machine({ python3: withoutPip, python: "exit 0" }))).toBe("python");
  });

  it("npm", () => {
    expect(() => {
      checkNpm(machine({}));
    }).toThrow("install-native: expected npm, which comes with Node, on the PATH, got none.");
  });
});

describe("pip", () => {
  it("is asked for wheels of one Python, whichever runs it, and for nothing that must be compiled", () => {
    const args = pipArguments(["a==1"], "/into").join(" ");
    expect(args).toMatch(
      /^-m pip download .*--python-version 3\.11 .*--abi cp311 .*--no-deps .*:all: -d \/into a==1$/,
    );
    expect(args).toContain("--platform manylinux_2_27_x86_64");
  });

  it("is asked for what TensorFlow's own metadata names for CUDA, and for nothing else of it", () => {
    const metadata = [
      "Requires-Dist: numpy>=1.26.0",
      'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
      "Requires-Dist: nvidia-nccl-cu12 (<3.0,>=2.27.7) ; extra == 'and-cuda'",
      'Requires-Dist: tensorflow-metal; extra == "other"',
    ].join("\n");
    expect(cudaRequirements(metadata)).toEqual([
      "nvidia-cublas-cu12<13.0,>=12.5.3.2",
      "nvidia-nccl-cu12<3.0,>=2.27.7",
    ]);
  });

  it.each([
    ["a\nnpm error code ENOTFOUND\nnpm error network", /^a package index that cannot be reached/],
    ["WARNING: Failed to establish a new connection\nERROR: No matching distribution", /^a package index/],
    ["ERROR: Could not install: [Errno 28] No space left on device", /^a full disk$/],
    ["binding.cc:3: error: no such type\n1 error generated.\n\n", /^1 error generated\.$/],
    ["something\n last words \n", /^last words$/],
    ["", /^no message$/],
  ])("its log %j is explained", (log, explanation) => {
    expect(explainFailure(log)).toMatch(explanation);
  });
});
