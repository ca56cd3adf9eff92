import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { check, describe, fail } from "../../../check.js";
import type { BackendOptions } from "../../engine.js";
import { sharedMaximum, withMemory } from "../memory/limits.js";
import { builtin, inNode } from "./node.js";

// The stock engine makes its own memory, one that threads cannot share. So it is handed its own binary with another
// memory in it, as an address that it fetches like any other.

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
  const shared = await sharedBinary(paths);
  obstacle = shared.obstacle;
  if (shared.address !== undefined) {
    const { address } = shared;
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

/** The address of a binary whose memory is shared, or why there is none. */
interface Shared {
  readonly address?: string;
  readonly obstacle?: string;
}

async function sharedBinary(paths: Paths | undefined): Promise<Shared> {
  const maximum = sharedMaximum();
  if (typeof maximum === "string") return { obstacle: maximum };
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")))
    return { obstacle: "WebAssembly has no SIMD here" };
  const where = typeof paths === "string" ? paths + SIMD : (paths?.[SIMD] ?? (await defaultPlace()));
  let address: string | undefined;
  try {
    const stock = await readBinary(where);
    // Of a page or half a file the stock engine says what is wrong; the parser would read on past the end.
    if (!WebAssembly.validate(stock as BufferSource)) throw new Error("it is no WebAssembly module");
    const bytes = withMemory(stock, { shared: true, maximum });
    address = URL.createObjectURL(new Blob([bytes], { type: "application/wasm" }));
    await fetch(address); // which a page's content security policy may forbid
    return { address };
  } catch (cause) {
    if (address === undefined) return { obstacle: `${where} could not be read (${String(cause)})` };
    URL.revokeObjectURL(address);
    return { obstacle: "the page's content security policy forbids addresses of blobs (connect-src blob:)" };
  }
}

const script = (globalThis as { document?: Document }).document?.currentScript;
const ownScript = script instanceof Object && "src" in script ? script.src : undefined;

/** Where the stock engine looks for its binary when it is not told: in Node in its own package, else beside the script. */
async function defaultPlace(): Promise<string> {
  if (inNode()) {
    const { createRequire } = await builtin("module");
    return createRequire(import.meta.url).resolve(`@tensorflow/tfjs-backend-wasm/dist/${SIMD}`);
  }
  const inWorker = typeof (globalThis as { importScripts?: unknown }).importScripts === "function";
  const beside = ownScript ?? (inWorker ? globalThis.location.href : "");
  return beside.startsWith("blob:")
    ? SIMD
    : beside.slice(0, beside.replace(/[?#].*/, "").lastIndexOf("/") + 1) + SIMD;
}

async function readBinary(where: string): Promise<Uint8Array> {
  if (inNode()) {
    const { readFile } = await builtin("fs/promises");
    return readFile(where.startsWith("file://") ? new URL(where) : where);
  }
  const response = await fetch(where, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
