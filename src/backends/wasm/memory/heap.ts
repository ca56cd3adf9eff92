import * as tf from "../../../tfjs.js";
import { checkInternals } from "../../../autodiff/internals.js";

/** The part of the wasm engine that kernels need; its own type hides the Emscripten module. */
export interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    readonly tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void;
      disposeData(id: number): void;
    };
    /** Absent from the threaded build. */
    readonly asm?: { readonly memory: WebAssembly.Memory };
    _malloc: (bytes: number) => number;
    _free(offset: number): void;
    cwrap(name: string, result: null, parameters: readonly string[]): (...values: unknown[]) => void;
  };
  readonly dataIdMap: {
    get(dataId: object): { readonly id: number; readonly memoryOffset: number };
    has(dataId: object): boolean;
  };
  /** One more tensor has this data. */
  incRef(dataId: object): void;
  /** How many tensors have it. */
  refCount(dataId: object): number;
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  dispose(): void;
}

const FUNCTIONS = [
  ...["_malloc", "_free", "cwrap", "tfjs.registerTensor", "tfjs.disposeData"].map((name) => `wasm.${name}`),
  ...["dataIdMap.get", "dataIdMap.has", "incRef", "refCount", "makeOutput", "typedArrayFromHeap", "dispose"],
];

/** Throws where the engine is not what {@link WasmBackend} says: that of another version may differ. */
export function checkBackend(backend: unknown, version: string): asserts backend is WasmBackend {
  checkInternals("useBackend", backend, { object: ["wasm.HEAPU8"], function: FUNCTIONS }, version);
}

/** A kernel with its inputs, engine and attributes unpacked. Shapes and types were checked by the operation. */
export type WasmKernel<Attributes = unknown> = (
  inputs: Readonly<Record<string, tf.TensorInfo>>,
  backend: WasmBackend,
  attrs: Attributes,
) => tf.TensorInfo | tf.TensorInfo[];

export function kernel<Attributes>(run: WasmKernel<Attributes>): tf.KernelFunc {
  return ({ inputs, backend, attrs }) =>
    run(inputs as Record<string, tf.TensorInfo>, backend as WasmBackend, attrs as Attributes);
}

/** Bytes of a float32, or of an int32, and of a float64. */
export const FLOAT = 4;
export const DOUBLE = 8;

/** The address of a tensor's first byte. It does not move; views of the heap are lost when the heap grows. */
export function address(backend: WasmBackend, tensor: tf.TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

/** Has the engine forget the packed weights that it keeps of a tensor by its id: the numbers are to change in place. */
export function forgetPacked(backend: WasmBackend, { dataId, shape }: tf.TensorInfo): void {
  const { id, memoryOffset } = backend.dataIdMap.get(dataId);
  backend.wasm.tfjs.disposeData(id);
  backend.wasm.tfjs.registerTensor(id, sizeOf(shape), memoryOffset);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

// Far above the engine's own ids, which count from 1, and within int32.
let nextAlias = 2 ** 30;

/**
 * Lends `use` the engine's id for `size` elements at `offset` bytes, without copying or owning them. What XNNPACK
 * caches for the id (packed weights) is freed with it.
 */
export function withAlias(
  backend: WasmBackend,
  offset: number,
  size: number,
  use: (id: number) => void,
): void {
  nextAlias = nextAlias === 2 ** 31 - 1 ? 2 ** 30 : nextAlias + 1;
  const id = nextAlias;
  backend.wasm.tfjs.registerTensor(id, size, offset);
  try {
    use(id);
  } finally {
    backend.wasm.tfjs.disposeData(id);
  }
}

const MOST_BYTES = 2 ** 32;
const guarded = new WeakSet<WasmBackend>();

/** Has the engine throw where it has no memory left: it would go on at address 0. */
export function guardMemory(backend: WasmBackend): void {
  if (guarded.has(backend)) return;
  guarded.add(backend);
  const { wasm } = backend;
  wasm._free(wasm._malloc(4)); // the first call replaces the function by another
  const stock = wasm._malloc;
  wasm._malloc = (bytes) => {
    const offset = bytes < MOST_BYTES ? stock(bytes) : 0; // as an int32 more would be less
    if (offset !== 0 || bytes === 0) return offset;
    const used = `${Math.round(wasm.HEAPU8.length / 2 ** 20)} MiB`;
    throw new Error(
      `wasm: expected ${bytes} bytes more within its memory of at most 4 GiB, got none beyond ${used}.`,
    );
  };
}

/** Lends `use` uncleared parts of the heap, of so many bytes each. */
export function withScratch(
  backend: WasmBackend,
  sizes: readonly number[],
  use: (...parts: number[]) => void,
): void {
  const rounded = sizes.map((bytes) => Math.ceil(bytes / 64) * 64);
  const total = rounded.reduce((sum, bytes) => sum + bytes, 0);
  // A signed number above 2 GiB.
  const offset = backend.wasm._malloc(total) >>> 0;
  try {
    let next = offset;
    use(
      ...rounded.map((bytes) => {
        next += bytes;
        return next - bytes;
      }),
    );
  } finally {
    backend.wasm._free(offset);
  }
}

/** Writes int32, modulo 2^32, at an address: what a kernel reads as one of its structures. */
export function writeInts(backend: WasmBackend, at: number, numbers: readonly number[]): void {
  new Int32Array(backend.wasm.HEAPU8.buffer, at, numbers.length).set(numbers);
}
