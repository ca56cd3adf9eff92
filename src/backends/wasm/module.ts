import { kernels as base64 } from "./kernels.generated.js";
import type { KernelBuild as Build } from "../engine.js";
import type { WasmBackend } from "./heap.js";

// This library's own kernels: a module of a few kilobytes that works in the engine's linear memory.

/** What kernels/index.ts exports. Arguments are addresses, sizes in bytes, counts and numbers. */
export type Kernels = Readonly<
  Record<
    | "pack"
    | "packRows"
    | "packMatrices"
    | "packTransposed"
    | "packTaps"
    | "packFilters"
    | "packTurned"
    | "listRows"
    | "convolveListed"
    | "convolve"
    | "convolveTiles"
    | "multiply"
    | "deal"
    | "correlate"
    | "correlatePanels"
    | "collect"
    | "collectPanels"
    | "spreadPanels"
    | "sumPlaces"
    | "gatherFilters"
    | "copyRows"
    | "weigh"
    | "normaliseRows"
    | "weighBackwards"
    | "groupNorm"
    | "groupNormGradient"
    | "channelMoments"
    | "batchNorm"
    | "batchNormGradient"
    | "addRows"
    | "sumPixels"
    | "repeatRows"
    | "adam"
    | "scale"
    | "sgd"
    | "mix"
    | "sumOfSquares",
    (...values: number[]) => void
  >
>;

const bytesOf = (build: Build) =>
  Uint8Array.from(atob(base64[build]), (character) => character.charCodeAt(0));

/** Relaxed SIMD where the JavaScript engine has it; it is 1.2 to 1.4 times as fast (bench/NOTES.md). */
const best = (): Build => (WebAssembly.validate(bytesOf("relaxed")) ? "relaxed" : "plain");

const modules = new Map<Build, WebAssembly.Module>();
let running: Build | undefined;
// The engine can be removed and started again, with a new memory.
let instances = new WeakMap<WasmBackend, Kernels>();

/**
 * Compiles the module and joins it to the engine's memory. Nothing where that cannot be done, and the kernels made of
 * the engine's own must serve: no SIMD, or the engine's threaded build, whose memory is shared. A build other than the
 * best is for tests.
 */
export async function loadKernels(backend: WasmBackend, build?: Build): Promise<Build | undefined> {
  try {
    const chosen = build ?? best();
    const compiled = modules.get(chosen) ?? (await WebAssembly.compile(bytesOf(chosen)));
    modules.set(chosen, compiled);
    const kernels = instantiate(backend, compiled);
    if (chosen !== running) instances = new WeakMap();
    instances.set(backend, kernels);
    running = chosen;
    return chosen;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) return undefined;
    throw error;
  }
}

/** The build that runs, once {@link loadKernels} has found one. */
export const runningBuild = (): Build | undefined => running;

/** The kernels, where {@link loadKernels} found that they can run in this engine. */
export const loadedKernels = (backend: WasmBackend): Kernels | undefined => instances.get(backend);

export function kernelsOf(backend: WasmBackend): Kernels {
  const known = instances.get(backend);
  if (known !== undefined) return known;
  const kernels = instantiate(backend, modules.get(running!)!);
  instances.set(backend, kernels);
  return kernels;
}

function instantiate(backend: WasmBackend, module: WebAssembly.Module): Kernels {
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory: backend.wasm.asm?.memory as WebAssembly.ImportValue },
  });
  return exports as unknown as Kernels;
}
