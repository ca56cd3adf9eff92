import { MOST } from "../bounds.js";
import { check, fail } from "../check.js";
import { bytesOf } from "../formats/bytes.js";

/** How far a file has come, in bytes. */
export interface LoadProgress {
  /** Bytes that are here. It falls back to 0 where a broken download begins anew. */
  readonly loaded: number;
  /** Bytes of the whole file; absent where the server does not say. */
  readonly total?: number;
}

/** Who is told of the bytes that come, and who stops them. */
export interface Receiver {
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The most bytes of a file. */
  readonly most?: number | undefined;
}

/** What has arrived of a file. */
export interface Parts {
  readonly pieces: Uint8Array[];
  loaded: number;
}

/**
 * Adds a response's body to `parts`, counting what comes, since a length in a header is only a claim. Returns why the
 * body ended early, or undefined where it is whole. `what` names the file in errors.
 */
export async function receive(
  where: string,
  what: string,
  response: Response,
  parts: Parts,
  receiver: Receiver,
): Promise<unknown> {
  const { onProgress, signal, most = MOST.fileBytes } = receiver;
  const { length, isSure } = lengthOf(response);
  const end = length === undefined ? undefined : parts.loaded + length;
  const bound = (bytes: number) => {
    check(bytes <= most, where, `${what} to be of at most ${most} bytes`, bytes);
  };
  const reader = response.body?.getReader();
  const stop = () => void reader?.cancel().catch(() => undefined);
  signal?.addEventListener("abort", stop);
  try {
    bound(end ?? 0);
    for (;;) {
      const next = await reader?.read().catch((cause: unknown) => ({ cause }));
      signal?.throwIfAborted();
      if (next === undefined) break;
      if ("cause" in next) return next.cause;
      if (next.done) break;
      const piece = bytesOf(where, next.value);
      bound(parts.loaded + piece.length);
      parts.pieces.push(piece);
      parts.loaded += piece.length;
      const total = end === undefined || parts.loaded > end ? {} : { total: end };
      onProgress?.({ loaded: parts.loaded, ...total });
    }
    const isShort = isSure && end !== undefined && parts.loaded < end;
    return isShort ? `only ${parts.loaded} of ${end} bytes` : undefined;
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * How many bytes a response claims to bring. That of a compressed body counts other bytes; a page is not told of
 * another host's compression, so that a length from there is for showing only.
 */
function lengthOf({ headers, type }: Response): { length: number | undefined; isSure: boolean } {
  const text = headers.get("content-length");
  const isPlain = (headers.get("content-encoding") ?? "identity") === "identity";
  const length = text !== null && /^\d+$/.test(text) && isPlain ? Number(text) : undefined;
  return { length, isSure: type !== "cors" };
}

/** The whole of what arrived; `parts` is empty then. */
export function join(parts: Parts): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.loaded);
  let at = 0;
  for (const piece of parts.pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  parts.pieces.length = 0;
  return whole;
}

/** Throws unless a response brings a file: an error's page has a status that says so, other pages their type. */
export function checkResponse(where: string, what: string, response: Response): void {
  const { status, statusText, headers } = response;
  const hint = status === 404 || status === 410 ? ": check the address, and its revision if it has one" : "";
  if (!response.ok) fail(where, what, `HTTP ${status}${statusText === "" ? "" : ` (${statusText})`}${hint}`);
  const type = headers.get("content-type") ?? "";
  const isPage = /^\s*(text\/html|application\/xhtml\+xml)\b/iu.test(type);
  check(!isPage, where, what, `an HTML page (content-type ${type})`);
}
