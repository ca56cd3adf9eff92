// A WebAssembly module says in its bytes which memory it makes or wants. TensorFlow.js ships a module that makes one of
// its own; with one flag and perhaps a smaller maximum changed there, the same module makes one that threads share.

/** Bytes of a page of memory. */
export const PAGE = 65536;

/** What {@link withMemory} writes: whether threads may share the memory, and the most pages that it may grow to. */
export interface MemoryLimits {
  readonly shared: boolean;
  readonly maximum: number;
}

const IMPORTS = 2;
const MEMORIES = 5;
const MEMORY = 2;

/** The module's bytes with other limits for its one memory, which it makes or imports and which has a maximum. */
export function withMemory(module: Uint8Array, { shared, maximum }: MemoryLimits): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(module);
  const flags = limitsOf(bytes);
  if (flags === undefined)
    throw new Error("wasm: expected a module with a memory that has a maximum, got none.");
  bytes[flags] = shared ? 3 : 1;
  const least = number(bytes, flags + 1);
  const most = number(bytes, least.end);
  writeNumber(bytes, [least.end, most.end], maximum);
  return bytes;
}

/** Where the flags of the memory's limits stand. */
function limitsOf(bytes: Uint8Array): number | undefined {
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at];
    const size = number(bytes, at + 1);
    const flags = id === MEMORIES ? number(bytes, size.end).end : id === IMPORTS && imported(bytes, size.end);
    if (typeof flags === "number") return (bytes[flags]! & 1) === 1 ? flags : undefined;
    at = size.end + size.value;
  }
  return undefined;
}

/** The same within the imports, where the memory is the first of them. */
function imported(bytes: Uint8Array, section: number): number | undefined {
  let { end } = number(bytes, section);
  for (let name = 0; name < 2; name++) {
    const length = number(bytes, end);
    end = length.end + length.value;
  }
  return bytes[end] === MEMORY ? end + 1 : undefined;
}

/** A number as WebAssembly writes it (LEB128): seven bits a byte, the lowest first. */
function number(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  let end = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[end++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end };
  }
}

/** Writes it in as many bytes as there are. */
function writeNumber(bytes: Uint8Array, [from, end]: readonly [number, number], value: number): void {
  let rest = value;
  for (let at = from; at < end; at++) {
    bytes[at] = (rest & 127) | (at < end - 1 ? 128 : 0);
    rest >>>= 7;
  }
  if (rest > 0) throw new Error(`wasm: expected a maximum of ${end - from} bytes, got ${value}.`);
}

/** A shared memory reserves its maximum when it is made, and some machines have no 4 GiB to reserve. */
const MAXIMA = [65536, 32768, 16384, 8192];

/** The most pages that a memory shared by threads may have here, or why there can be none. */
export function sharedMaximum(): number | string {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean }; // which Node has not
  if (crossOriginIsolated === false) {
    return "the page is not cross-origin isolated (headers Cross-Origin-Opener-Policy and -Embedder-Policy, on https or localhost)";
  }
  if (typeof SharedArrayBuffer === "undefined") return "this JavaScript engine has no SharedArrayBuffer";
  return MAXIMA.find(canReserve) ?? `no memory of ${MAXIMA.at(-1)! * PAGE} bytes can be shared here`;
}

function canReserve(maximum: number): boolean {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}
