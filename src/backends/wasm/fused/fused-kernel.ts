import type { FusedKernels, FusedName } from "../../../autodiff/fused-kernels.js";
import type { WasmKernel } from "../memory/heap.js";

/** A kernel of src/autodiff/fused-kernels.ts, which says what it takes and gives. */
export type FusedKernel<K extends FusedName> = WasmKernel<FusedKernels[K]>;
