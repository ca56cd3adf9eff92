import { kernels as base64 } from "./kernels.generated.js";
import type { WasmBackend } from "./heap.js";

// This library's own kernels: a module of a few kilobytes that works in the engine's linear memory.

/** What kernels/index.ts exports. Arguments are addresses, sizes in bytes, counts and numbers. */
export type Kernels = Readonly<
  Record<
    | "pack"
    | "packTurned"
    | "pad"
    | "convolve"
    | "deal"
    | "correlate"
    | "collect"
    | "addRow"
    | "packRows"
    | "weigh"
    | "normaliseRows"
    | "weighBackwards"
    | "groupNorm"
    | "groupNormGradient",
    (...values: number[]) => void
  >
>;

let compiled: WebAssembly.Module | undefined;
// The engine can be removed and started again, with a new memory.
const instances = new WeakMap<WasmBackend, Kernels>();

/**
 * Compiles the module and joins it to the engine's memory. False where that cannot be done, and the kernels made of
 * the engine's own must serve: no SIMD, or the engine's threaded build, whose memory is shared.
 */
export async function loadKernels(backend: WasmBackend): Promise<boolean> {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    compiled ??= await WebAssembly.compile(bytes);
    kernelsOf(backend);
    return true;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) return false;
    throw error;
  }
}

export function kernelsOf(backend: WasmBackend): Kernels {
  const known = instances.get(backend);
  if (known !== undefined) return known;
  const { exports } = new WebAssembly.Instance(compiled!, {
    env: { memory: backend.wasm.asm?.memory as WebAssembly.ImportValue },
  });
  const kernels = exports as unknown as Kernels;
  instances.set(backend, kernels);
  return kernels;
}
