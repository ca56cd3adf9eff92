import * as tf from "../tfjs.js";
import { check, checkOptions, describe, fail } from "../check.js";
import {
  findEngine,
  installCures,
  runningEngine,
  tfjsNameOf,
  type BackendName,
  type BackendOptions,
  type Engine,
  type KernelBuild,
  type KernelChange,
} from "./engine.js";
import { forgetIfLost } from "./lost.js";
import { inTurn, type IsOver } from "./queue.js";

export type { BackendName, BackendOptions, KernelBuild, KernelChange } from "./engine.js";

/** What runs after {@link useBackend}. */
export interface BackendReport {
  readonly name: BackendName;
  /** Version of the engine's package. */
  readonly version: string;
  /** Version of TensorFlow.js. */
  readonly tfjs: string;
  /** Kernels of the engine that this library added or replaced, with the reason for each. */
  readonly kernels: readonly KernelChange[];
  /**
   * Which build of this library's own WebAssembly kernels runs: with relaxed SIMD where the JavaScript engine has it
   * (Node 22 and later), else with plain SIMD; absent where none does. Their numbers differ in the last bits, because
   * relaxed SIMD rounds a product and its sum once; each build gives the same numbers in every run.
   */
  readonly build?: KernelBuild;
  /** What computes, in the engine's own words: the graphics adapter, the version of TensorFlow, the card. */
  readonly device?: string;
  /** How many threads compute, on `wasm`. */
  readonly threads?: number;
  /**
   * Why not as many threads as were asked for, or as there are cores: a page that is not cross-origin isolated, a content
   * security policy, no memory that can be shared. Absent where all run.
   */
  readonly threadsLimit?: string;
}

const missing = (name: string) =>
  `\`${name}\` comes with this package: run \`npm install\` anew, or see whether the page is still online`;

/** What has to be there for an engine's module to be imported. */
const installation: Readonly<Record<BackendName, string>> = {
  cpu: missing("@tensorflow/tfjs-backend-cpu"),
  wasm: missing("@tensorflow/tfjs-backend-wasm"),
  webgl: missing("@tensorflow/tfjs-backend-webgl"),
  webgpu:
    'Run `npm install @tensorflow/tfjs-backend-webgpu`; in a page, also `import "cfd-distill/backends/webgpu"`',
  node: "Run `npx cfd-distill install-native`",
  cuda: "Run `npx cfd-distill install-native --cuda`",
};
const names = Object.keys(installation);

/** What to look at when an engine does not start. */
const hints: Partial<Record<BackendName, string>> = {
  wasm: "; can its .wasm files be found at `wasmPaths`, or, without these, does a policy forbid blob: in connect-src?",
  webgl: "; a browser that has lost a context may give no other before the page is reloaded",
};

/** How TensorFlow.js starts the engines: `tf.removeBackend` forgets it. */
const factories = new Map<string, ReturnType<typeof tf.engine>["registryFactory"][string]>();

/** What TensorFlow.js made of the engines that were started; after the loss of a device that is a new one. */
const started = new WeakSet();

/**
 * Chooses the engine that computes, and repairs what it computes wrongly, slowly or not at all.
 *
 * Engines can be switched at any time; tensors move along when they are next used (from `webgpu` only those that have
 * been read by `await tensor.data()`: another engine cannot wait for the device). Each engine is loaded only here. `cpu`,
 * `wasm`, with its binary, and `webgl` come with this package, also in a bundled page; `webgpu` needs
 * `npm install @tensorflow/tfjs-backend-webgpu` and, in a page, `import "cfd-distill/backends/webgpu"`; `node` and `cuda`
 * need what `npx cfd-distill install-native` brings.
 *
 * @param name the engine
 * On `wasm` all cores compute, to the same bits as one: the kernels divide their work among as many threads as the
 * machine has cores, or `threads`. A page has them where it is cross-origin isolated and its content security policy allows
 * `blob:` in worker-src and connect-src; elsewhere one thread runs, and the report says why. The threads sleep when
 * there is nothing to compute, and end with the program, with `tf.removeBackend` and when another engine is chosen.
 *
 * Calls wait for each other: each resolves when its engine is the one that computes. One that takes longer than a minute while
 * another waits is given up.
 *
 * @param options `threads`, `strict`: how many threads compute on `wasm`; `wasmPaths`: where a page finds the `.wasm` files
 * @returns what runs now and on what, in how many threads, which of its kernels were added or replaced, and which build of
 *   this library's own
 * @throws if the engine is unknown, not installed, cannot run here or does not start, is removed or exchanged while it is made
 *   ready, or an option is unknown; what ran before runs on
 * @example
 * ```ts
 * import { useBackend } from "cfd-distill";
 * const report = await useBackend("cpu");
 * console.log(report.name, report.kernels.length);
 * ```
 */
export function useBackend(name: BackendName, options: BackendOptions = {}): Promise<BackendReport> {
  const late = () =>
    lateBecause(name, "another call of useBackend, which waited for this one, took its place");
  return inTurn((isOver) => choose(name, options, isOver), late);
}

async function choose(name: BackendName, options: BackendOptions, isOver: IsOver): Promise<BackendReport> {
  check(names.includes(name), "useBackend", `one of ${names.join(", ")}`, name);
  checkOptions("useBackend", options, { wasmPaths: true, threads: true, strict: true });
  const engine = findEngine(name) ?? (await load(name));
  const before = tf.getBackend() as string | undefined;
  const former = runningEngine();
  const putBack = () => (isOver() ? undefined : restore(before, engine));
  forgetIfLost(tfjsNameOf(engine));
  await engine.prepare?.(options);
  if (isOver()) throw lateBecause(name, "it was given up");
  try {
    await start(engine);
    const backend = tf.backend();
    const kernels = await installCures(engine);
    checkRunning(engine, backend);
    await engine.startThreads?.(options);
    checkRunning(engine, backend);
    const report = await describeEngine(engine, kernels);
    if (former !== engine) await former?.rest?.();
    checkRunning(engine, backend);
    if (!started.has(backend)) engine.started?.();
    started.add(backend);
    return report;
  } catch (error) {
    await putBack();
    throw error;
  }
}

const lateBecause = (name: string, reason: string) =>
  new Error(`useBackend: expected ${describe(name)} to start, got nothing in time: ${reason}.`);

/** Throws where the engine was removed, or another one was set, while this one was made ready. */
function checkRunning(engine: Engine, backend: object): void {
  const tfjsName = tfjsNameOf(engine);
  const registered = tf.engine().registry[tfjsName];
  const got = tf.getBackend() === tfjsName ? "an engine that was removed meanwhile" : tf.getBackend();
  const runs = registered === backend && tf.getBackend() === tfjsName;
  check(runs, "useBackend", `${engine.name} to run once it has started`, got || "none");
}

/** What an engine that has started is, and on what it computes; throws where that is not what was asked for. */
export async function describeEngine(
  engine: Engine,
  kernels: readonly KernelChange[],
): Promise<BackendReport> {
  const build = engine.build?.();
  const device = await engine.device?.();
  return {
    name: engine.name,
    version: engine.version,
    tfjs: tf.version_core,
    kernels,
    ...(build === undefined ? {} : { build }),
    ...(device === undefined ? {} : { device }),
    ...engine.threads?.(),
  };
}

async function restore(before: string | undefined, engine: Engine): Promise<void> {
  if (before !== undefined && before !== "" && before !== tfjsNameOf(engine)) await tf.setBackend(before);
}

/**
 * Where each engine is. Bundlers make a file of its own of each, that no page loads unless it asks for the engine; in a page's
 * build those of Node are empty (package.json's field `browser`). The package that webgpu is made of need not be
 * installed, and a bundler must not look for it.
 */
const modules: Readonly<Record<BackendName, () => Promise<unknown>>> = {
  cpu: () => import("./cpu.js"),
  wasm: () => import("./wasm.js"),
  webgl: () => import("./webgl.js"),
  webgpu: () => {
    const hidden = "./webgpu.js";
    return import(/* @vite-ignore */ /* webpackIgnore: true */ hidden);
  },
  node: () => import("./node.js"),
  cuda: () => import("./cuda.js"),
};

/** Imports an engine that nobody imported yet. */
async function load(name: BackendName): Promise<Engine> {
  let cause: unknown;
  try {
    await modules[name]();
  } catch (error) {
    cause = error;
  }
  const engine = findEngine(name);
  if (engine !== undefined) return engine;
  throw new Error(
    `useBackend: expected the engine ${name}, but it could not be loaded. ${installation[name]}.`,
    { cause },
  );
}

/** tf.setBackend, which on failure only warns and leaves no engine running: here it throws. */
async function start(engine: Engine): Promise<void> {
  const { name } = engine;
  const tfjsName = tfjsNameOf(engine);
  const copies = "is there a second copy of @tensorflow/tfjs-core in this process?";
  const { registryFactory } = tf.engine();
  const factory = registryFactory[tfjsName] ?? factories.get(tfjsName);
  if (factory === undefined) {
    fail("useBackend", `${name} to be known to TensorFlow.js`, `no such engine (${copies})`);
  }
  factories.set(tfjsName, factory);
  if (!(tfjsName in registryFactory)) tf.registerBackend(tfjsName, factory.factory, factory.priority);
  const set = () => tf.setBackend(tfjsName);
  const started = await (engine.around ?? ((run) => run()))(set);
  const running = tf.getBackend();
  if (started && running === tfjsName) return;
  const hint = hints[name] ?? "";
  fail(
    "useBackend",
    `${name} to start`,
    `${started ? running : "a failure"} (the console has the engine's own words${hint})`,
  );
}
