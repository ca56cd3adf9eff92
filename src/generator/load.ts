import * as tf from "../tfjs.js";
import { check, checkOptions, fail } from "../check.js";
import { builtInOf, bytesOf, otherThanSafetensors } from "../formats/bytes.js";
import { inNode } from "../in-node.js";
import { decodeCheckpoint, type DecodedCheckpoint } from "../training/checkpoint/checkpoint.js";
import { addressOf } from "./address.js";
import { causeOf } from "./cause.js";
import { download } from "./download.js";
import { generatorOf, LOAD, type Generator } from "./generator.js";
import { checkIntegrity, integrityOf } from "./integrity.js";
import { checkResponse, join, receive, type LoadProgress } from "./receive.js";
import { keep, nodeFiles, openStore, type Store } from "./store.js";

/**
 * Where a checkpoint is: an address, as a URL or as text (relative to the page; `hub:owner/model/file.safetensors@revision` for
 * the Hugging Face Hub), what `fetch` or an `<input type="file">` gives, or its bytes.
 */
export type GeneratorSource = string | URL | Response | Blob | Uint8Array | ArrayBufferLike;

/** What {@link loadGenerator} takes beside the checkpoint. */
export interface LoadOptions {
  /** [height, width, channels] of the images, for a checkpoint that says none, or for others than those. */
  readonly imageShape?: readonly [number, number, number];
  /** Called for each piece of a file that comes. Not called for bytes, which are there already. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops the loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Whether to keep the file, for addresses of http and https. `true` takes what was kept without asking the network; "reload"
   * asks for a newer one and keeps that. Default false.
   */
  readonly cache?: boolean | "reload";
  /** "sha256-" and the base64 of the file's SHA-256, as in HTML: another file is neither read nor kept. */
  readonly integrity?: string;
}

/**
 * A checkpoint as something that draws images, for those who only sample: its averaged weights where it has them, the
 * DDIM sampler (eta 0) at the number of steps it was trained for, and one noise stream per seed.
 *
 * A download that breaks goes on from where it was, where the server can do that, or else begins anew, once. With
 * `cache`, pages keep the file in the Cache API, and Node in the folder models/ of CFD_DISTILL_CACHE, or else of
 * XDG_CACHE_HOME/cfd-distill or ~/.cache/cfd-distill. Only a file that was read and checked is kept, and always whole;
 * where it cannot be kept, since there is no room or no Cache API, the generator is given all the same, and its `uncached`
 * says why. An entry that can no longer be read is dropped, and the file loaded again.
 *
 * @param source a checkpoint, see `encodeCheckpoint`: an address, a Response, a Blob or File, or its bytes
 * @param options `imageShape` of the images, if the checkpoint has none or others are wanted; `onProgress` in bytes,
 *   `signal`, `cache`, `integrity`
 * @returns a generator; the caller disposes it
 * @throws (rejects) if nothing can be loaded from the address, or a page in place of a file; if the file is larger than 4 GiB, of
 *   another SHA-256 than `integrity`, damaged or not a diffusion model's checkpoint; if nobody says what shape the images have, an
 *   option does not fit, no engine was chosen in a page, or with the signal's reason
 * @example
 * ```ts
 * import { cosineSchedule, createRng, disposeParams, encodeCheckpoint, loadGenerator, unet } from "cfd-distill";
 * const network = unet({ channels: 4, multipliers: [1], attention: [], blocks: 1, timeScale: 8, groups: 4 });
 * const params = network.init(createRng(0));
 * const model = { network, params, schedule: cosineSchedule(), predictionType: "x0", steps: 2 } as const;
 * const generator = await loadGenerator(await encodeCheckpoint({ ...model, imageShape: [8, 8, 3] }));
 * const images = await generator.sample({ seeds: [1, 2] });
 * console.log(images.shape); // [2, 8, 8, 3]
 * images.dispose();
 * generator.dispose();
 * disposeParams(params);
 * ```
 */
export async function loadGenerator(source: GeneratorSource, options: LoadOptions = {}): Promise<Generator> {
  checkLoad(options);
  const { signal, cache = false, integrity } = options;
  signal?.throwIfAborted();
  if (typeof source === "string" || builtInOf(source) === "URL") {
    return fromAddress(addressOf(LOAD, source as string | URL), options);
  }
  check(cache === false, LOAD, "an address where there is a cache", `a ${builtInOf(source)}`);
  const { bytes, at } = isForeign(source) ? await read(source, options) : { bytes: bytesOf(LOAD, source) };
  if (integrity !== undefined) await checkBytes(bytes, at, options);
  signal?.throwIfAborted();
  return generatorOf(decodeAt(bytes, at), options);
}

function checkLoad(options: LoadOptions): void {
  const names = { imageShape: true, onProgress: true, signal: true, cache: true, integrity: true } as const;
  checkOptions(LOAD, options, names);
  const { onProgress, signal, cache = false, integrity } = options;
  const isFunction = onProgress === undefined || typeof onProgress === "function";
  check(isFunction, LOAD, "onProgress to be a function", onProgress);
  const isSignal = signal === undefined || typeof signal?.throwIfAborted === "function";
  check(isSignal, LOAD, "signal to be an AbortSignal", signal);
  check(cache === "reload" || typeof cache === "boolean", LOAD, 'cache to be true, false or "reload"', cache);
  checkIntegrity(LOAD, integrity);
}

/** What has to be read first. */
const isForeign = (source: unknown): source is Response | Blob =>
  ["Response", "Blob", "File"].includes(builtInOf(source));

/** The bytes of a response or of a page's file, counted as they come, and what to call it. */
async function read(source: Response | Blob, options: LoadOptions) {
  const isBlob = builtInOf(source) !== "Response";
  const { at, response } = isBlob ? fromBlob(source as Blob) : fromResponse(source as Response);
  const parts = { pieces: [], loaded: 0 };
  const cut = await receive(LOAD, `the file at ${at}`, response, parts, options);
  if (cut !== undefined) fail(LOAD, `the whole file at ${at}`, `${parts.loaded} bytes: ${causeOf(cut)}`);
  return { bytes: join(parts), at };
}

function fromResponse(response: Response) {
  const at = response.url === "" ? "the response" : response.url;
  const isFree = !response.bodyUsed && response.body?.locked !== true;
  check(isFree, LOAD, "a response that nobody has read", `that of ${at}, read already`);
  checkResponse(LOAD, `a file at ${at}`, response);
  return { at, response };
}

function fromBlob(blob: Blob & { readonly name?: string }) {
  const headers = { "content-length": String(blob.size) };
  return { at: blob.name ?? "the blob", response: new Response(blob.stream(), { headers }) };
}

/** What an address has, or the cache of it. */
async function fromAddress(address: URL, options: LoadOptions): Promise<Generator> {
  const { cache = false, integrity = "", signal } = options;
  const isShared = address.protocol === "http:" || address.protocol === "https:";
  check(
    cache === false || isShared,
    LOAD,
    "an address of http or https where there is a cache",
    address.href,
  );
  const key = `${address.href} ${integrity}`;
  const store = cache === false ? undefined : await openStore();
  const kept = cache === true && typeof store === "object" ? await readKept(store, key, options) : undefined;
  if (kept !== undefined) return generatorOf(kept, options);
  const bytes = await bytesAt(address, options);
  await checkBytes(bytes, address.href, options);
  signal?.throwIfAborted();
  const generator = generatorOf(decodeAt(bytes, address.href), options);
  const uncached = store && (await keep(store, key, bytes));
  return uncached === undefined ? generator : { ...generator, uncached };
}

/** What an address has, which may be a file of this machine. */
function bytesAt(address: URL, options: LoadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { href } = address;
  if (address.protocol === "file:") return readFile(address, options);
  return download(LOAD, href, { ...options, isFresh: options.cache === "reload" });
}

async function readFile(address: URL, { onProgress }: LoadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { href } = address;
  check(inNode(), LOAD, "an address of a server, as pages cannot fetch files", href);
  const files = await nodeFiles();
  const bytes = await files.read(address);
  onProgress?.({ loaded: bytes.length, total: bytes.length });
  return bytesOf(LOAD, bytes);
}

/** What was kept; nothing, if that can no longer be read, is another file by now, or is a torn one. */
async function readKept(
  store: Store,
  key: string,
  options: LoadOptions,
): Promise<DecodedCheckpoint | undefined> {
  const found = await store.read(key).catch(() => undefined);
  options.signal?.throwIfAborted();
  if (found === undefined) return undefined;
  checkEngine();
  const bytes = bytesOf(LOAD, found);
  try {
    await checkBytes(bytes, key, options);
    return decodeCheckpoint(bytes);
  } catch {
    await store.remove(key).catch(() => undefined);
    return undefined;
  }
}

/** Throws if a file is a page, a message or another file than the one that was asked for. */
async function checkBytes(
  bytes: Uint8Array<ArrayBuffer>,
  at: string | undefined,
  { integrity }: LoadOptions,
): Promise<void> {
  const place = at === undefined ? "" : ` at ${at}`;
  const other = otherThanSafetensors(bytes);
  if (other !== undefined) fail(LOAD, `a checkpoint${place}`, other);
  if (integrity === undefined) return;
  const got = await integrityOf(bytes);
  check(got === integrity, LOAD, `a file of integrity ${integrity}${place}`, got);
}

/** A page has no engine before it has chosen one; Node has TensorFlow.js's own. */
function checkEngine(): void {
  const engines = Object.keys(tf.engine().registryFactory);
  check(engines.length > 0, LOAD, 'an engine (call `await useBackend("wasm")` first)', "none");
}

/** `at` is where the bytes are from, unless somebody gave them. */
function decodeAt(bytes: Uint8Array, at?: string): DecodedCheckpoint {
  checkEngine();
  try {
    return decodeCheckpoint(bytes);
  } catch (error) {
    if (at === undefined) throw error;
    return fail(LOAD, `a checkpoint of a diffusion model at ${at}`, causeOf(error).replace(/\.$/u, ""));
  }
}
