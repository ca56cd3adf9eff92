import type { KernelBuild as Build } from "../engine.js";
import type { WasmBackend } from "./memory/heap.js";
import { unpack } from "./binaries/unpack.js";
import { withMemory } from "./memory/limits.js";

// This library's own kernels: a module of a few kilobytes that works in the engine's linear memory.

/** What kernels/index.ts exports. Arguments are addresses, sizes in bytes, counts and numbers. */
export type Kernels = Readonly<
  Record<
    | "packMatrices"
    | "packTransposed"
    | "packTaps"
    | "packFilters"
    | "packTurned"
    | "convolve"
    | "convolveTiles"
    | "multiply"
    | "packImages"
    | "correlatePanels"
    | "collectPanels"
    | "transformPanels"
    | "transformRows"
    | "sumPlaces"
    | "transformFiltersBackwards"
    | "copyRows"
    | "attend"
    | "attendBackwards"
    | "attendKeysBackwards"
    | "groupNorm"
    | "groupNormGradient"
    | "batchNorm"
    | "batchNormGradient"
    | "batchNormInputGradient"
    | "batchNormScales"
    | "addRows"
    | "sumChannels"
    | "sumRows"
    | "repeatRows"
    | "clamp"
    | "combine"
    | "sumPieces"
    | "sumSegments"
    | "maxPoolGradient"
    | "slide"
    | "slideBackwards"
    | "adam"
    | "scale"
    | "sgd"
    | "mix"
    | "sumSquares",
    (...values: number[]) => void
  >
>;

/** A module that swizzles in relaxed SIMD and does nothing else: 1 and 2 in all bytes, then 0xfd 0x100. */
const RELAXED = Uint8Array.from(
  [
    ...[
      [0, 97, 115, 109, 1, 0, 0, 0],
      [1, 5, 1, 96, 0, 1, 123],
      [3, 2, 1, 0],
    ],
    ...[[10, 15, 1, 13, 0], [65, 1, 253, 15], [65, 2, 253, 15], [253, 128, 2], [11]],
  ].flat(),
);

/** Relaxed SIMD where the JavaScript engine has it; it is 1.2 to 1.4 times as fast (bench/NOTES.md). */
export const bestBuild = (): Build => (WebAssembly.validate(RELAXED) ? "relaxed" : "plain");

/** Each in a module of its own, as one of them alone is loaded. */
const packed = {
  plain: () => import("./binaries/plain.generated.js"),
  relaxed: () => import("./binaries/relaxed.generated.js"),
};
const unpacked = new Map<Build, Uint8Array>();

/** The kernels in the memory of one engine. */
export interface Loaded {
  readonly build: Build;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
}

const loaded = new WeakMap<WasmBackend, Loaded>();
/** Compiled modules by build and kind of memory. */
const modules = new Map<string, WebAssembly.Module>();
let running: Build | undefined;

/** The most pages that the engine's memory may have: 4 GiB. */
const MOST_PAGES = 65536;

/** The bytes of a build that has been unpacked, for the memory of an engine. */
function bytesFor(build: Build, memory: WebAssembly.Memory): { key: string; bytes: Uint8Array<ArrayBuffer> } {
  const shared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
  return {
    key: `${build} ${shared}`,
    bytes: withMemory(unpacked.get(build)!, { shared, maximum: MOST_PAGES }),
  };
}

/**
 * Compiles the module and joins it to the engine's memory. Nothing where that cannot be done, and the kernels made of
 * the engine's own must serve: no SIMD, or the engine's threaded build, which hides its memory. A build other than the best
 * is for tests.
 */
export async function loadKernels(
  backend: WasmBackend,
  build: Build = bestBuild(),
): Promise<Build | undefined> {
  const memory = backend.wasm.asm?.memory;
  if (memory === undefined) return undefined;
  if (loaded.get(backend)?.build === build) return build;
  if (!unpacked.has(build)) unpacked.set(build, await unpack((await packed[build]()).packed));
  try {
    const { key, bytes } = bytesFor(build, memory);
    const module = modules.get(key) ?? (await WebAssembly.compile(bytes));
    modules.set(key, module);
    join(backend, memory, build, module);
    return build;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) return undefined;
    throw error;
  }
}

function join(
  backend: WasmBackend,
  memory: WebAssembly.Memory,
  build: Build,
  module: WebAssembly.Module,
): Loaded {
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory },
  });
  const joined = { build, module, memory, kernels: exports as unknown as Kernels };
  loaded.set(backend, joined);
  running = build;
  return joined;
}

/** What {@link loadKernels} has loaded for this engine. */
export const loadedFor = (backend: WasmBackend): Loaded | undefined => loaded.get(backend);

/** The kernels, where {@link loadKernels} found that they can run in this engine. */
export const loadedKernels = (backend: WasmBackend): Kernels | undefined => loaded.get(backend)?.kernels;

/** What is loaded, for what runs only where it is; also in an engine that was removed and started again. */
export function joinedTo(backend: WasmBackend): Loaded {
  const known = loaded.get(backend);
  if (known !== undefined) return known;
  const memory = backend.wasm.asm!.memory;
  const { key, bytes } = bytesFor(running!, memory);
  return join(backend, memory, running!, modules.get(key) ?? new WebAssembly.Module(bytes));
}
