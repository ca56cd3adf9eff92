import * as tf from "@tensorflow/tfjs";
import { check, fail } from "../check.js";
import "./cpu.js";
import {
  findEngine,
  installCures,
  type BackendOptions,
  type Engine,
  type KernelBuild,
  type KernelChange,
} from "./engine.js";

export type { BackendOptions, KernelBuild, KernelChange } from "./engine.js";

/** Every engine the library is made for; {@link useBackend} says which of them work in this version. */
export type BackendName = "cpu" | "wasm" | "webgl" | "webgpu" | "node" | "cuda";

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
}

const known: readonly string[] = ["cpu", "wasm", "webgl", "webgpu", "node", "cuda"] satisfies BackendName[];
const available: readonly string[] = ["cpu", "wasm"] satisfies BackendName[];

/**
 * Chooses the engine that computes, and repairs what it computes wrongly, slowly or not at all.
 *
 * Engines can be switched at any time; tensors move along when they are next used. `wasm` needs the package
 * `@tensorflow/tfjs-backend-wasm`. In a bundled page, write `import "cfd-distill/backends/wasm"` as well: bundlers
 * must see what they are to pack.
 *
 * @param name the engine; this version has `cpu` and `wasm`
 * @param options `wasmPaths`: where a page finds the `.wasm` files
 * @returns what runs now, which of its kernels were added or replaced, and which build of this library's own runs
 * @throws if the engine is unknown, not in this version, not installed, or does not start; what ran before runs on
 * @example
 * ```ts
 * import { useBackend } from "cfd-distill";
 * const report = await useBackend("cpu");
 * console.log(report.name, report.kernels.length);
 * ```
 */
export async function useBackend(name: BackendName, options: BackendOptions = {}): Promise<BackendReport> {
  check(known.includes(name), "useBackend", `one of ${known.join(", ")}`, name);
  if (!available.includes(name)) {
    fail(
      "useBackend",
      `one of the engines of this version, ${available.join(" or ")} (${name} comes later)`,
      name,
    );
  }
  const engine = findEngine(name) ?? (await load(name));
  engine.prepare?.(options);
  await start(name);
  const kernels = await installCures(engine);
  const build = engine.build?.();
  const report = { name, version: engine.version, tfjs: tf.version_core, kernels };
  return build === undefined ? report : { ...report, build };
}

/**
 * Imports an engine that nobody imported yet. The address is hidden from bundlers on purpose: they fail on an
 * optional package that is absent, and treat `new URL(..., import.meta.url)` as a file to copy.
 */
async function load(name: string): Promise<Engine> {
  const here = import.meta.url;
  let cause: unknown;
  try {
    await import(/* @vite-ignore */ /* webpackIgnore: true */ new URL(`./${name}.js`, here).href);
  } catch (error) {
    cause = error;
  }
  const engine = findEngine(name);
  if (engine !== undefined) return engine;
  throw new Error(
    `useBackend: expected the engine ${name}, but it could not be loaded. Run ` +
      `\`npm install @tensorflow/tfjs-backend-${name}\`; in a bundled page, also import "cfd-distill/backends/${name}".`,
    { cause },
  );
}

/** tf.setBackend, which on failure only warns and leaves no engine running: here it throws and puts the old one back. */
async function start(name: string): Promise<void> {
  const before = tf.getBackend() as string | undefined;
  const copies = "is there a second copy of @tensorflow/tfjs-core in this process?";
  if (tf.findBackendFactory(name) === null || tf.findBackendFactory(name) === undefined) {
    fail("useBackend", `${name} to be known to TensorFlow.js`, `no such engine (${copies})`);
  }
  const started = await tf.setBackend(name);
  const running = tf.getBackend();
  if (started && running === name) return;
  if (before !== undefined && before !== "" && before !== name) await tf.setBackend(before);
  const hint = name === "wasm" ? "; can its .wasm files be found at `wasmPaths`?" : "";
  fail(
    "useBackend",
    `${name} to start`,
    `${started ? running : "a failure"} (the console has the engine's own words${hint})`,
  );
}
