import * as tf from "../../tfjs.js";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";
import { check, fail } from "../../check.js";
import { nativeFolder, tfjsKey, type NativeBuild } from "./folder.js";

/** What of tfjs-node's engine is asked here; its own types belong to a package that need not be there. */
interface NativeBackend {
  readonly binding: { readonly TF_Version: string };
  readonly isUsingGpuDevice: boolean;
}

const stockPackages: Readonly<Record<NativeBuild, string>> = {
  node: "@tensorflow/tfjs-node",
  cuda: "@tensorflow/tfjs-node-gpu",
};

let loaded: NativeBuild | undefined;

/**
 * Loads tfjs-node, which registers its engine: what `install-native` built, else the stock package; unless the program
 * has imported tfjs-node itself. One process holds one TensorFlow: a second binding would be linked to the first's.
 */
export function loadNative(build: NativeBuild): void {
  check(
    loaded === undefined || loaded === build,
    "useBackend",
    `${build} in a process that has not loaded another TensorFlow`,
    `one that has loaded that of ${loaded}; use a process for each`,
  );
  restoreUtil();
  if (nativeBackend() !== undefined) return;
  avoidOneDnn();
  const [path, require] = find(build);
  const before = tf.getBackend() as string | undefined;
  try {
    load(path, require);
    loaded = build;
  } catch (cause) {
    throw new Error(
      `useBackend: expected ${path} to load, got ${(cause as Error).message.split("\n")[0]}; ` +
        `${installCommand(build)} checks it, and builds it anew if it must.`,
      { cause },
    );
  } finally {
    if (before !== undefined) void tf.setBackend(before); // it runs already: there is nothing to wait for
  }
}

/** tfjs-node's engine, if it is loaded. */
export function nativeBackend(): NativeBackend | undefined {
  const backend = tf.findBackend("tensorflow") as unknown as NativeBackend | null | undefined;
  return backend ?? undefined;
}

export function tensorflowVersion(): string {
  return nativeBackend()?.binding.TF_Version ?? fail("useBackend", "tfjs-node to be loaded", "none");
}

function installCommand(build: NativeBuild): string {
  return `npx cfd-distill install-native${build === "cuda" ? " --cuda" : ""}`;
}

/** What to load, and who loads it: this package, or the folder that the program runs in. */
function find(build: NativeBuild): [path: string, require: NodeJS.Require] {
  const built = nativeFolder(build);
  if (existsSync(built))
    return [join(built, "node_modules/@tensorflow/tfjs-node"), createRequire(import.meta.url)];
  const stock = stockPackages[build];
  for (const from of [import.meta.url, join(process.cwd(), "package.json")]) {
    const require = createRequire(from);
    const path = resolve(require, stock);
    if (path === undefined) continue;
    checkOneCopy(stock, path);
    return [path, require];
  }
  return fail(
    "useBackend",
    `${build} to be installed: run \`${installCommand(build)}\``,
    `neither its build nor the package ${stock}`,
  );
}

function resolve(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

/** A second copy of TensorFlow.js would register all its kernels over those of the first, cures and all. */
function checkOneCopy(stock: string, path: string): void {
  const [ours, theirs] = [import.meta.url, path].map((from) =>
    createRequire(from).resolve("@tensorflow/tfjs"),
  );
  const expected = `${stock} to share this package's copy of @tensorflow/tfjs (\`npm dedupe\`)`;
  check(ours === theirs, "useBackend", expected, `one of its own, ${theirs}`);
}

function load(path: string, require: NodeJS.Require): void {
  const lent = globalThis as { [tfjsKey]?: unknown };
  const quiet = process.env.TF_CPP_MIN_LOG_LEVEL === undefined;
  // The very module that `import` gives: an ES namespace of it would lack what the lexer of exports does not see.
  lent[tfjsKey] = createRequire(import.meta.url)("@tensorflow/tfjs");
  if (quiet) process.env.TF_CPP_MIN_LOG_LEVEL = "1"; // warnings and errors; read once
  try {
    require(path);
  } finally {
    Reflect.deleteProperty(lent, tfjsKey);
    if (quiet) delete process.env.TF_CPP_MIN_LOG_LEVEL;
  }
}

/**
 * The oneDNN inside TensorFlow 2.21 has wrong gradients of some small convolutions, not at every call, and writes past its
 * memory in others; without it TensorFlow trained a U-Net at three quarters of the speed. TensorFlow asks once, when it is
 * loaded; whoever has set the variable decides.
 */
function avoidOneDnn(): void {
  process.env.TF_ENABLE_ONEDNN_OPTS ??= "0";
}

/**
 * tfjs-node calls two functions of Node's `util` with every operation, so they have to stay: Node 22 warns of them, and
 * 23 has them no more. Nobody's `import { ... } from "node:util"` sees them.
 */
function restoreUtil(): void {
  const isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  for (const value of [Array.isArray, isNullOrUndefined]) {
    Object.defineProperty(util, value.name, { value, configurable: true });
  }
}
