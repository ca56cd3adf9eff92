import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeFolder, type NativeBuild } from "../../src/backends/native/folder.js";

// Everything about the engines node and cuda but TensorFlow itself, which a package of three lines stands in for: each
// case needs a process of its own, because a process loads one TensorFlow once.

const work = mkdtempSync(join(tmpdir(), "cfd-distill-native-"));
afterAll(() => {
  rmSync(work, { recursive: true });
});

const cache = (name: string) => join(work, name);
const folder = (name: string, build: NativeBuild) => nativeFolder(build, { CFD_DISTILL_CACHE: cache(name) });

/** A build whose "tfjs-node" is `code`. */
function pretend(name: string, build: NativeBuild, code: string): void {
  const home = join(folder(name, build), "node_modules/@tensorflow/tfjs-node");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "index.js"), code);
}

const standIn = (gpu: boolean) => `
  const tf = globalThis["cfd-distill.tfjs"];
  console.log("log level", process.env.TF_CPP_MIN_LOG_LEVEL);
  class Backend extends tf.KernelBackend {
    binding = { TF_Version: "9.9.9" };
    isUsingGpuDevice = ${gpu};
    floatPrecision() { return 32; }
  }
  tf.registerBackend("tensorflow", () => new Backend());
  tf.setBackend("tensorflow");
  if (!require("node:util").isNullOrUndefined(null) || !require("node:util").isArray([])) throw new Error("util");
`;

/** Runs what a program would, after `wasm` was chosen, and returns what it printed. */
function program(name: string, body: string, path = ""): string {
  const code = `
    import * as tf from "@tensorflow/tfjs";
    import { useBackend } from "./src/index.ts";
    const attempt = (name) => useBackend(name).then(
      (report) => console.log(name, "runs on", report.device),
      (error) => console.log(error.message));
    await useBackend("wasm");
    const x = tf.tensor([1, 2, 3]);
    ${body}
    console.log(tf.getBackend(), globalThis["cfd-distill.tfjs"], process.env.TF_CPP_MIN_LOG_LEVEL);
    await useBackend("wasm");
    console.log(String(await tf.square(x).data()));`;
  const env = { ...process.env, CFD_DISTILL_CACHE: cache(name) };
  const args = ["--import", "tsx", "--input-type=module", "-e", code];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...env, PATH: `${path}${delimiter}${process.env.PATH ?? ""}` },
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

const AFTER = "wasm undefined undefined\n1,4,9\n";

describe("an engine that is not installed", () => {
  it.each(["node", "cuda"] as const)("%s says which command brings it", (build) => {
    const flag = build === "cuda" ? " --cuda" : "";
    const stock = `@tensorflow/tfjs-node${build === "cuda" ? "-gpu" : ""}`;
    expect(program("empty", `await attempt("${build}");`)).toBe(
      `useBackend: expected ${build} to be installed: run \`npx cfd-distill install-native${flag}\`, ` +
        `got neither its build nor the package ${stock}.\n${AFTER}`,
    );
  });
});

describe("an engine that is installed", () => {
  beforeAll(() => {
    pretend("both", "node", standIn(false));
    pretend("both", "cuda", standIn(true));
    pretend("no-gpu", "cuda", standIn(false));
    pretend("broken", "node", `throw new Error("no such symbol\\nat all")`);
  });

  it("reports TensorFlow's version, loads quietly, and lends tfjs only while it loads", () => {
    expect(program("both", `await attempt("node"); await useBackend("cpu"); await attempt("node");`)).toBe(
      "log level 1\nnode runs on TensorFlow 9.9.9\nnode runs on TensorFlow 9.9.9\n" +
        "tensorflow undefined undefined\n1,4,9\n",
    );
  });

  it("refuses the other TensorFlow in the same process, either way round", () => {
    for (const [first, second] of [
      ["node", "cuda"],
      ["cuda", "node"],
    ]) {
      expect(program("both", `await attempt("${first}"); await attempt("${second}");`)).toContain(
        `useBackend: expected ${second} in a process that has not loaded another TensorFlow, ` +
          `got one that has loaded that of ${first}; use a process for each.\ntensorflow`,
      );
    }
  });

  it("cuda: refuses CPUs, each time, and leaves running what ran", () => {
    const message =
      "useBackend: expected TensorFlow to use a GPU, " +
      "got CPUs only: no NVIDIA driver answers (`nvidia-smi` lists no card).\n";
    const out = program("no-gpu", `await attempt("cuda"); await attempt("cuda");`, withCards(""));
    expect(out).toBe(`log level 1\n${message}${message}${AFTER}`);
  });

  it("cuda: names the cards, also those that TensorFlow does not use", () => {
    const cards = withCards("Card A\nCard B\n");
    expect(program("no-gpu", `await attempt("cuda");`, cards)).toContain(
      "got CPUs only: the driver lists Card A, Card B; is it a build with CUDA",
    );
    expect(program("both", `await attempt("cuda");`, cards)).toContain(
      "cuda runs on Card A, Card B, TensorFlow 9.9.9\n",
    );
  });

  it("says what does not load, why, and what mends it", () => {
    const entry = join(folder("broken", "node"), "node_modules/@tensorflow/tfjs-node");
    expect(program("broken", `await attempt("node");`)).toBe(
      `useBackend: expected ${entry} to load, got no such symbol; ` +
        `npx cfd-distill install-native checks it, and builds it anew if it must.\n${AFTER}`,
    );
  });
});

describe("the stock package", () => {
  /** A project that has it, and TensorFlow.js as `tfjs` makes it. */
  function project(tfjs: (path: string) => void): string {
    const home = mkdtempSync(join(work, "project-"));
    const packages = join(home, "node_modules/@tensorflow");
    mkdirSync(join(packages, "tfjs-node"), { recursive: true });
    writeFileSync(join(packages, "tfjs-node/index.js"), standIn(false));
    tfjs(join(packages, "tfjs"));
    return home;
  }
  const from = (home: string) =>
    program("empty", `process.chdir(${JSON.stringify(home)}); await attempt("node");`);

  it("is found where the program runs", () => {
    const shared = realpathSync("node_modules/@tensorflow/tfjs");
    const home = project((path) => {
      symlinkSync(shared, path);
    });
    expect(from(home)).toContain("node runs on TensorFlow 9.9.9\n");
  });

  it("is refused with a copy of TensorFlow.js of its own", () => {
    const home = project((path) => {
      mkdirSync(path);
      writeFileSync(join(path, "index.js"), "");
    });
    const own = join(realpathSync(home), "node_modules/@tensorflow/tfjs/index.js");
    expect(from(home)).toBe(
      "useBackend: expected @tensorflow/tfjs-node to share this package's copy of @tensorflow/tfjs " +
        `(\`npm dedupe\`), got one of its own, ${own}.\n${AFTER}`,
    );
  });
});

/** A folder for PATH with an `nvidia-smi` that lists `cards`, or fails where there are none. */
function withCards(cards: string): string {
  const bin = mkdtempSync(join(work, "bin-"));
  const script = cards === "" ? "exit 9" : `printf '${cards.replaceAll("\n", "\\n")}'`;
  writeFileSync(join(bin, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "nvidia-smi"), 0o755);
  return bin;
}
