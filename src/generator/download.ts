import { fail } from "../check.js";
import { causeOf } from "./cause.js";
import { checkResponse, join, receive, type Parts, type Receiver } from "./receive.js";

/** After how many milliseconds a broken download is taken up, try by try: who changes networks is offline for seconds. */
const PAUSES = [100, 300, 900, 2700];

/** What has arrived, and of which version of the file. */
interface Download extends Parts {
  /** The version's strong tag, by which a server can tell whether the rest still belongs to it. */
  tag: string | undefined;
  /** Whether the file was begun anew: once is enough, where a server cannot go on from the middle. */
  isSecond: boolean;
}

/** Who listens, and whether to pass over what the browser itself has kept. */
export interface Asking extends Receiver {
  readonly isFresh?: boolean;
}

/**
 * The bytes at an address. Where the connection breaks, the rest is asked for if the server has said which version of the
 * file this is (RFC 9110, Sections 13.1.5 and 14.2), or else the whole, once.
 */
export async function download(
  where: string,
  address: string,
  asking: Asking = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const got: Download = { pieces: [], loaded: 0, tag: undefined, isSecond: false };
  for (let tries = 0; ; tries++) {
    const pause = PAUSES[tries];
    if (tries > 0 && (got.tag === undefined || (pause === undefined && !got.isSecond))) forget(got);
    const cut = await attempt(where, address, got, asking);
    if (cut === undefined) return join(got);
    const isOver = pause === undefined || (got.tag === undefined && got.isSecond);
    if (isOver) fail(where, `the whole file at ${address}`, `${got.loaded} bytes: ${causeOf(cut)}`);
    await wait(pause, asking.signal);
  }
}

/** Begins anew. */
function forget(got: Download): void {
  got.pieces.length = 0;
  got.loaded = 0;
  got.tag = undefined;
  got.isSecond = true;
}

/** Asks once, for what is missing; returns why the rest did not come, or undefined where all is here. */
async function attempt(where: string, address: string, got: Download, asking: Asking): Promise<unknown> {
  const { signal, isFresh = false } = asking;
  const isRest = got.loaded > 0 && got.tag !== undefined;
  const isFirst = got.loaded === 0 && !got.isSecond;
  const headers = isRest ? { Range: `bytes=${got.loaded}-`, "If-Range": got.tag! } : {};
  const init = { headers, ...(signal && { signal }), ...(isFresh && { cache: "no-cache" as const }) };
  const answer = await fetch(address, init).catch((cause: unknown) => ({ cause }));
  signal?.throwIfAborted();
  if ("cause" in answer) {
    return isFirst ? noAnswer(where, address, answer.cause) : answer.cause;
  }
  try {
    const unfit = isRest ? takeRest(got, answer) : takeWhole(got, answer);
    if (unfit !== undefined) {
      void answer.body?.cancel().catch(() => undefined);
      return unfit;
    }
    checkResponse(where, `a file at ${address}`, answer);
  } catch (error) {
    void answer.body?.cancel().catch(() => undefined);
    throw error;
  }
  return receive(where, `the file at ${address}`, answer, got, asking);
}

/** A page is told nothing about why. */
function noAnswer(where: string, address: string, cause: unknown): never {
  const isPage = "location" in globalThis;
  const hint = isPage
    ? " (offline, no such server, or one that does not let this page read it: CORS)"
    : " (offline, or no such server; with `cache: true` a file that was here once needs neither)";
  return fail(where, `an answer from ${address}`, `${causeOf(cause)}${hint}`);
}

function takeWhole(got: Download, { status, headers }: Response): string | undefined {
  if (status === 206) return "a part of the file, for which nobody asked (HTTP 206)";
  got.tag = headers.get("accept-ranges") === "none" ? undefined : strongTag(headers);
  return undefined;
}

/** Whether an answer is the rest. One with all of the file begins anew, as the file has changed or has no parts. */
function takeRest(got: Download, answer: Response): string | undefined {
  const { status, headers, type } = answer;
  const { tag, loaded, isSecond } = got;
  const range = headers.get("content-range");
  if (status === 206) {
    const isHidden = range === null && type === "cors"; // a page is not shown all headers of another host
    const isNext = isHidden || range?.startsWith(`bytes ${loaded}-`) === true;
    if (isNext && (headers.get("etag") ?? tag) === tag) return undefined;
    got.tag = undefined;
    return `another part of the file than bytes ${loaded}- (${range ?? "no content-range"})`;
  }
  if (status === 416 || (answer.ok && isSecond)) {
    got.tag = undefined;
    return "a file that changes while it is loaded";
  }
  if (!answer.ok) return undefined;
  forget(got);
  const now = strongTag(headers);
  got.tag = now === tag ? undefined : now;
  return undefined;
}

/** A tag that stands for the same bytes. */
function strongTag(headers: Headers): string | undefined {
  const tag = headers.get("etag");
  return tag?.startsWith('"') === true ? tag : undefined;
}

/** Waits, unless it is stopped. */
function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
