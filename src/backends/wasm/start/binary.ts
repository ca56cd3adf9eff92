import * as tf from "../../../tfjs.js";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { check, describe, fail } from "../../../check.js";
import type { BackendOptions } from "../../engine.js";
import { sharedMaximum, withMemory } from "../memory/limits.js";
import { unpack } from "../binaries/unpack.js";
import { inNode } from "../../../in-node.js";
import { builtin } from "./builtin.js";

// The stock engine fetches its binary from an address that every bundler would have to be told of, and makes its own memory,
// one that threads cannot share. So it is handed the binary that comes with this package, or the one at `wasmPaths`, with
// another memory in it, as the address of a blob.

type Paths = NonNullable<BackendOptions["wasmPaths"]>;

const PLAIN = "tfjs-backend-wasm.wasm";
const SIMD = "tfjs-backend-wasm-simd.wasm";
/** Never started, but the stock function insists on an address. */
const THREADED = "tfjs-backend-wasm-threaded-simd.wasm";

let given: Paths | undefined;
let obstacle: string | undefined =
  "TensorFlow.js started wasm before useBackend did, with a memory of its own";

/** Why the engine's memory is not shared, if it is not. */
export const whyNotShared = (): string | undefined => obstacle;

/**
 * Before the engine starts: tells it where its binary is, and shares the memory in it where that can be done. Once wasm
 * has started the stock function ignores other paths; after a failed start it throws.
 */
export async function prepareBinary(wasmPaths: Paths | undefined): Promise<void> {
  const started = "wasm" in tf.engine().registry;
  if (wasmPaths !== undefined) checkPaths(wasmPaths, started);
  if (started) return;
  const paths = wasmPaths ?? given;
  const binary = await handedOver(paths);
  obstacle = binary.obstacle;
  if (binary.address !== undefined) {
    const { address } = binary;
    // In Node the stock engine reads files only, unless it is told to fetch.
    handOver({ [PLAIN]: address, [SIMD]: address, [THREADED]: address }, paths, inNode());
  } else if (paths !== undefined) {
    handOver(typeof paths === "string" ? paths : { [THREADED]: "", ...paths }, paths, false);
  }
  given = paths;
}

function checkPaths(wasmPaths: Paths, started: boolean): void {
  if (JSON.stringify(wasmPaths) === JSON.stringify(given)) return;
  const whole = typeof wasmPaths === "string" || [PLAIN, SIMD].every((name) => wasmPaths[name] !== undefined);
  check(whole, "useBackend", `wasmPaths to hold the addresses of ${PLAIN} and ${SIMD}`, wasmPaths);
  if (started) fail("useBackend", "wasmPaths before wasm first starts", `${describe(wasmPaths)} after it`);
}

function handOver(addresses: Paths, paths: Paths | undefined, platformFetch: boolean): void {
  try {
    setWasmPaths(addresses, platformFetch);
  } catch (cause) {
    const got = `${describe(paths)} after it`;
    throw new Error(`useBackend: expected wasmPaths before wasm first starts, got ${got}.`, { cause });
  }
}

/** The stock engine's binary as it is handed over. */
interface Binary {
  /** Of a blob; absent where the stock engine is left to fetch `wasmPaths` itself. */
  readonly address?: string;
  /** Why its memory is not shared. */
  readonly obstacle?: string;
}

async function handedOver(paths: Paths | undefined): Promise<Binary> {
  if (typeof WebAssembly === "undefined")
    fail("useBackend", "WebAssembly", "none here; `webgl` and `cpu` compute without it");
  const hasSimd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  if (!hasSimd && paths === undefined) {
    fail("useBackend", `WebAssembly with SIMD (or \`wasmPaths\` where ${PLAIN} is)`, "WebAssembly without");
  }
  const maximum = hasSimd ? sharedMaximum() : "WebAssembly has no SIMD here";
  const obstacle = typeof maximum === "string" ? { obstacle: maximum } : {};
  if (typeof maximum === "string" && paths !== undefined) return obstacle;
  const where = typeof paths === "string" ? paths + SIMD : paths?.[SIMD];
  let address: string | undefined;
  try {
    const stock = where === undefined ? await packedBinary() : await readBinary(where);
    // Of a page or half a file the stock engine says what is wrong; the parser would read on past the end.
    if (!WebAssembly.validate(stock as BufferSource)) throw new Error("it is no WebAssembly module");
    const bytes = typeof maximum === "string" ? stock : withMemory(stock, { shared: true, maximum });
    address = URL.createObjectURL(new Blob([bytes as BlobPart], { type: "application/wasm" }));
    await fetch(address); // which a page's content security policy may forbid
    return { address, ...obstacle };
  } catch (cause) {
    if (address === undefined) return { obstacle: `${where ?? SIMD} could not be read (${String(cause)})` };
    URL.revokeObjectURL(address);
    return { obstacle: "the page's content security policy forbids addresses of blobs (connect-src blob:)" };
  }
}

/** The one that comes with this package, in a module of its own that bundlers keep apart. */
const packedBinary = async () => unpack((await import("../binaries/stock.generated.js")).packed);

async function readBinary(where: string): Promise<Uint8Array> {
  if (inNode()) {
    const { readFile } = await builtin("fs/promises");
    return readFile(where.startsWith("file://") ? new URL(where) : where);
  }
  const response = await fetch(where, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
