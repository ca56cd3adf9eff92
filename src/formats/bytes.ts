import { fail } from "../check.js";

/** Types whose memory is a file's bytes as they are. */
const BYTE_ARRAYS = ["Uint8Array", "Uint8ClampedArray", "Int8Array", "DataView"];

/** How those get bytes who have something that is none yet. */
const ADVICE: Readonly<Record<string, string>> = {
  Response: "a Response: give await response.arrayBuffer()",
  Request: "a Request: give await (await fetch(request)).arrayBuffer()",
  Blob: "a Blob: give await blob.arrayBuffer()",
  File: "a File: give await file.arrayBuffer()",
  Promise: "a promise: await it first",
  ReadableStream: "a stream: give await new Response(stream).arrayBuffer()",
  URL: "an address: fetch it first",
};

/** What kind of built-in a value is, whichever realm (frame, jsdom, vm) made it. */
export function builtInOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/**
 * The bytes of what callers have as such: a Uint8Array (Node's Buffer is one), another view of bytes, an ArrayBuffer or
 * a SharedArrayBuffer, of any realm. Shared memory is copied, as others may write to it; all else is not.
 */
export function bytesOf(where: string, source: unknown): Uint8Array<ArrayBuffer> {
  const kind = builtInOf(source);
  const isView = ArrayBuffer.isView(source) && BYTE_ARRAYS.includes(kind);
  const expected = "a Uint8Array"; // or what else has bytes, but that is what to hand over
  if (!isView && !isBuffer(source)) fail(where, expected, ADVICE[kind] ?? notBytes(source, kind));
  try {
    return unshared(
      isView
        ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
        : new Uint8Array(source as ArrayBuffer),
    );
  } catch {
    return fail(where, expected, "memory that was given away (detached)");
  }
}

/** Whether a value has the memory of an ArrayBuffer, which its name alone does not prove. */
function isBuffer(source: unknown): source is ArrayBufferLike {
  return [ArrayBuffer, globalThis.SharedArrayBuffer].some((type) => {
    try {
      Reflect.get(type.prototype, "byteLength", source);
      return true;
    } catch {
      return false;
    }
  });
}

function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return builtInOf(bytes.buffer) === "SharedArrayBuffer"
    ? new Uint8Array(bytes)
    : (bytes as Uint8Array<ArrayBuffer>);
}

/** Never the numbers themselves: there may be millions. */
function notBytes(source: unknown, kind: string): unknown {
  if (ArrayBuffer.isView(source)) return `a ${kind}, whose elements are no bytes`;
  if (Array.isArray(source)) return `a list of length ${source.length}`;
  return typeof source === "object" && source !== null ? `an object (${kind})` : source;
}

/**
 * The bytes of a file, which may be any but for what servers and checkouts give in place of files: nothing at all, a
 * page, a message in text or JSON, a Git LFS pointer. `expected` is what the file should be.
 */
export function fileBytes(where: string, expected: string, source: unknown): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(where, source);
  const other = textIn(bytes);
  return other === undefined ? bytes : fail(where, expected, other);
}

/** Whether bytes are what a checkout without Git LFS has in place of a file. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.slice(0, LFS.length)) === LFS;
}

/** What bytes that are no file of the expected kind seem to be, in words. */
export function contentOf(bytes: Uint8Array): string {
  return textIn(bytes) ?? knownIn(bytes) ?? `bytes that begin with ${hex(bytes.subarray(0, 8))}`;
}

/** What bytes that are no safetensors file are known to be, in words; undefined where they may be one. */
export function otherThanSafetensors(bytes: Uint8Array): string | undefined {
  const found = textIn(bytes) ?? knownIn(bytes);
  return found === SAFETENSORS ? undefined : found;
}

const SAFETENSORS = "a safetensors file";

/** How much of a file is looked at, and how much of a text is quoted. */
const LOOKED_AT = 512;
const QUOTED = 60;
const LFS = "version https://git-lfs.github.com/spec/";

/** What a file of text, or an empty one, is; undefined for one that is binary. */
export function textIn(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "0 bytes: an empty file";
  const head = new TextDecoder().decode(bytes.slice(0, LOOKED_AT)).trimStart();
  const quoted = `${head.slice(0, QUOTED).replace(/\s+/gu, " ").trim()}${head.length > QUOTED ? "…" : ""}`;
  if (/^(<!doctype html|<html|<head|<body)\b/iu.test(head)) return `an HTML page: ${quoted}`;
  if (/[^\P{Cc}\s]|\ufffd(?!$)/u.test(head)) return undefined;
  if (head === "") return "a file of blanks";
  if (head.startsWith(LFS)) return "a Git LFS pointer in place of the file: `git lfs pull` fetches it";
  if (head.startsWith("<")) return `a page of HTML or XML: ${quoted}`;
  return `${/^[{[]/u.test(head) ? "JSON text" : "text"}: ${quoted}`;
}

/** First bytes of what people mistake for one another. */
const KNOWN: readonly (readonly [string, string])[] = [
  ["50 4b 03 04", "a zip (.npz, or of torch.save)"],
  ["50 4b 05 06", "an empty zip"],
  ["93 4e 55 4d 50 59", "a .npy file"],
  ["1f 8b", "a file compressed by gzip"],
  ["28 b5 2f fd", "a file compressed by zstd"],
  ["80 02", "a pickle, or a file of torch.save before PyTorch 1.6"],
  ["80 03", "a pickle"],
  ["80 04", "a pickle"],
  ["80 05", "a pickle"],
  ["89 50 4e 47", "a PNG"],
  ["ff d8 ff", "a JPEG"],
  ["52 49 46 46", "a RIFF file (WebP?)"],
  ["47 47 55 46", "a GGUF file"],
  ["89 48 44 46", "a file of HDF5 (Keras?)"],
];

function knownIn(bytes: Uint8Array): string | undefined {
  const head = hex(bytes.subarray(0, 8));
  if (bytes[8] === 0x7b && bytes.subarray(4, 8).every((byte) => byte === 0)) return SAFETENSORS;
  return KNOWN.find(([start]) => head.startsWith(start))?.[1];
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
