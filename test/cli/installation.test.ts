import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nativeFolder } from "../../src/backends/native/folder.js";
import { machineWith } from "./machine.js";

// Whole installations whose programs are shell scripts that leave what the real ones would; tfjs-node is a few lines
// that compute on cpu's kernels. `npm run native:test` has the real ones.

const work = mkdtempSync(join(tmpdir(), "cfd-distill-installation-"));
afterAll(() => {
  rmSync(work, { recursive: true });
});

const tfjsNode = (zeroGradients: boolean) => `
  const tf = globalThis["cfd-distill.tfjs"];
  const parts = { binding: { TF_Version: "9.9.9" }, isUsingGpuDevice: false };
  tf.registerBackend("tensorflow", () => Object.assign(tf.findBackendFactory("cpu")(), parts));
  tf.copyRegisteredKernels("cpu", "tensorflow");
  if (${zeroGradients}) {
    const of = { kernelName: "Conv2DBackpropFilter", backendName: "tensorflow" };
    tf.unregisterKernel(of.kernelName, of.backendName);
    tf.registerKernel({ ...of, kernelFunc: ({ attrs }) => tf.zeros(attrs.filterShape) });
  }
  tf.setBackend("tensorflow");`;
const npm = (code: string) => `
  [ "$1" = --version ] && exit
  mkdir -p node_modules/@tensorflow/tfjs-node/binding
  cat > node_modules/@tensorflow/tfjs-node/index.js <<'END'
${code}
END`;

// The wheel of TensorFlow has metadata, those of NVIDIA have libraries; `unpack` is what Python is asked to do last.
const METADATA = `Requires-Dist: nvidia-a-cu12<13.0,>=12.5; extra == "and-cuda"`;
const python = `
  case "$*" in
    *download*nvidia-a-cu12*) mkdir wheels; touch wheels/nvidia.whl;;
    *download*) mkdir wheels; touch wheels/tensorflow.whl;;
    *nvidia.whl*) mkdir -p nvidia/a/lib; touch nvidia/a/lib/liba.so.12 nvidia/a/lib/other.txt;;
    *-c*) mkdir -p tensorflow/include tensorflow-2.21.0.dist-info
      echo '${METADATA}' > tensorflow-2.21.0.dist-info/METADATA;;
  esac`;
const works = { npm: npm(tfjsNode(false)), python3: python, "g++": "exit 0" };
const machine = (programs: Readonly<Record<string, string>>) => machineWith(work, programs);

const command = (...flags: string[]) => ["--import", "tsx", "src/cli/index.ts", "install-native", ...flags];

function lies(env: NodeJS.ProcessEnv) {
  const folder = nativeFolder("node", env);
  return { folder, left: existsSync(dirname(folder)) ? readdirSync(dirname(folder)) : [] };
}

function install(env: NodeJS.ProcessEnv, ...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, command(...flags), {
    env,
    encoding: "utf8",
  });
  return { status, stdout, error: stderr.trim(), ...lies(env) };
}

// Elsewhere the command refuses, which install-native.test.ts has.
describe.runIf(process.platform === "linux" && process.arch === "x64")("install-native", () => {
  it("builds once, tries the build out, and leaves nothing else", () => {
    const env = machine(works);
    const { status, stdout, folder, left } = install(env);
    expect(status).toBe(0);
    const trains = `TensorFlow 9.9.9 trains on CPUs under Node ${process.versions.node}`;
    expect(stdout.split("\n")).toEqual([
      "1/3 tfjs-node 4.22.0 by npm",
      "2/3 TensorFlow 2.21.0 by pip, 274 MB",
      "3/3 the binding between them by g++",
      `${trains}: ${folder}`,
      "",
    ]);
    expect(left).toEqual([basename(folder)]);
    const again = install({ ...env, PATH: "" }); // nothing is needed any more
    expect(again).toMatchObject({ status: 0, stdout: `${trains}, built before: ${folder}\n`, left });
  });

  it("--cuda: brings NVIDIA's libraries, lays them beside TensorFlow's, and tells that there is no GPU", () => {
    const env = machine(works);
    const { status, stdout } = install(env, "--cuda");
    expect(status).toBe(0);
    const folder = nativeFolder("cuda", env);
    expect(stdout).toContain(
      "TensorFlow 9.9.9 trains on CPUs, for want of a GPU that it can use, under Node ",
    );
    expect(readdirSync(join(folder, "tensorflow"))).toEqual(["liba.so.12"]);
    expect(readFileSync(join(folder, "tensorflow/liba.so.12"), "utf8")).toBe(""); // the link leads there
  });

  it("downloads nothing where a program is missing", () => {
    const { status, stdout, error, left } = install(machine({ ...works, "g++": "exit 1" }));
    expect({ status, stdout, left }).toEqual({ status: 1, stdout: "", left: [] });
    expect(error).toMatch(/^error: install-native: expected a C\+\+ compiler[^\n]*$/);
  });

  it.each([
    ["npm", { npm: `[ "$1" = --version ] || { echo npm error code ENOTFOUND; exit 1; }` }, "npm to install @tensorflow/tfjs-node@4.22.0, got a package index that cannot be reached"], // prettier-ignore
    ["pip", { python3: `case "$*" in *download*) echo ERROR: what pip says; exit 1;; esac` }, "pip to download tensorflow-cpu==2.21.0, got ERROR: what pip says"], // prettier-ignore
    ["the archive", { python3: `case "$*" in *download*) mkdir wheels; touch wheels/a.whl;; *-c*) echo BadZipFile; exit 1;; esac` }, "Python to unpack a.whl, got BadZipFile"], // prettier-ignore
    ["the compiler", { "g++": `[ "$1" = --version ] || { echo fatal error: no such file; exit 1; }` }, "tfjs-node's binding to compile, got fatal error: no such file"], // prettier-ignore
  ])("leaves of a failure of %s but its log", (_, broken, message) => {
    const { status, error, folder, left } = install(machine({ ...works, ...broken }));
    expect(status).toBe(1);
    expect(error).toContain(`error: install-native: expected ${message}`);
    expect(error.endsWith(`The log is ${folder}.log`)).toBe(true);
    expect(error).not.toContain("\n");
    expect(left).toEqual([`${basename(folder)}.log`]);
    expect(readFileSync(`${folder}.log`, "utf8")).not.toBe("");
  });

  it.each([
    ["load", "throw new Error('no such symbol')", "no such symbol"],
    ["learn", tfjsNode(true), "expected a training step from a loss of 1 to below 0.9, got [1,1]"],
    ["live", "process.kill(process.pid, 'SIGSEGV')", "its process to end by SIGSEGV"],
  ])("does not put a build in its place that does not %s", (_, code, message) => {
    const { status, error, left } = install(machine({ ...works, npm: npm(code) }));
    expect(status).toBe(1);
    expect(error).toContain("error: install-native: expected the build to train one step, got: ");
    expect(error).toContain(message);
    expect(left).toEqual([]);
  });

  it("leaves nothing when it is interrupted", async () => {
    const env = machine({ ...works, python3: `case "$*" in *download*) exec sleep 60;; esac` });
    const child = spawn(process.execPath, command(), { env });
    let [said, error] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("2/3")) child.kill("SIGTERM");
    });
    child.stderr.on("data", (chunk: Buffer) => (error += chunk.toString()));
    expect(await once(child, "close")).toEqual([1, null]);
    expect(error).toBe("error: install-native: interrupted; nothing was installed.\n");
    expect(lies(env).left).toEqual([]);
  });

  it("removes what killed builds left, and makes anew a build that no longer works", () => {
    const env = machine(works);
    const { folder } = lies(env);
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(dirname(folder), ".partial-999999999-abc"));
    mkdirSync(join(dirname(folder), `.partial-${process.pid}-abc`)); // one that runs
    const { status, stdout, left } = install(env);
    expect(status).toBe(0);
    expect(stdout).toContain(`The build in ${folder} does not work here, so it is made anew.`);
    expect(left).toEqual([`.partial-${process.pid}-abc`, basename(folder)]);
  });
});
