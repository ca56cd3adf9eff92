import { existsSync, statSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import type { ReadableStream } from "node:stream/web"; // that of Node can be iterated
import { progress } from "../terminal/progress.js";

/** What tells whether the file on the server is still the one that a download began with. */
interface Identity {
  readonly url: string;
  /** ETag or Last-Modified. */
  readonly validator: string | null;
  readonly size: number | null;
}

/**
 * Downloads a file to `path`, with a progress bar. What an earlier call left there is gone on with, by a range request,
 * if the server still has that very file and answers ranges; otherwise the download starts anew.
 *
 * @throws (rejects) if the server cannot be reached, answers with an error, or the connection breaks; what has come
 *   stays in `path` for the next call. With the signal's reason if that is aborted.
 */
export async function download(
  url: string,
  path: string,
  { title, signal }: { readonly title: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const before = await readIdentity(path);
  const have = before?.url === url && existsSync(path) ? statSync(path).size : 0;
  if (have > 0 && have === before?.size) return;
  let response = await ask(url, have > 0 ? rangeFrom(have, before?.validator) : {}, signal);
  const goesOn =
    response.status === 206 && startOf(response) === have && same(before, identityOf(url, response));
  if (response.status === 206 && !goesOn) {
    await response.body?.cancel();
    response = await ask(url, {}, signal);
  }
  const now = identityOf(url, response);
  if (!goesOn) {
    await forget(path);
    await writeFile(identityPath(path), JSON.stringify(now));
  }
  await receive(response, path, { title, from: goesOn ? have : 0, size: now.size, signal });
}

/** Removes a download and what is known about it. */
export async function forget(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(identityPath(path), { force: true });
}

const identityPath = (path: string) => `${path}.json`;

async function readIdentity(path: string): Promise<Identity | undefined> {
  try {
    return JSON.parse(await readFile(identityPath(path), "utf8")) as Identity;
  } catch {
    return undefined; // none, or half-written: the download starts anew
  }
}

/** If-Range makes a server whose file has changed send all of it. A weak ETag is not allowed there. */
function rangeFrom(have: number, validator: string | null | undefined): Record<string, string> {
  const range = { Range: `bytes=${have}-` };
  return validator == null || validator.startsWith("W/") ? range : { ...range, "If-Range": validator };
}

async function ask(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    const identity = { "Accept-Encoding": "identity" }; // else fetch unpacks what it receives
    response = await fetch(url, { headers: { ...identity, ...headers }, signal: signal ?? null });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`Cannot reach ${url}: ${reason(error)}.`, { cause: error });
  }
  const ranged = "Range" in headers;
  if (response.status === 200 || (response.status === 206 && ranged)) return response;
  await response.body?.cancel();
  if (response.status === 416 && ranged) return ask(url, {}, signal); // the server's file is shorter than ours
  throw new Error(`${url}: expected the file, got ${response.status} ${response.statusText}.`);
}

function identityOf(url: string, response: Response): Identity {
  const { headers } = response;
  const total =
    response.status === 206 ? headers.get("Content-Range")?.split("/")[1] : headers.get("Content-Length");
  const size = total == null || !/^\d+$/.test(total) ? null : Number(total);
  return { url, validator: headers.get("ETag") ?? headers.get("Last-Modified"), size };
}

function same(a: Identity | undefined, b: Identity): boolean {
  return a?.url === b.url && a.validator === b.validator && a.size === b.size;
}

function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "")?.[1] ?? NaN);
}

type Receiving = { title: string; from: number; size: number | null; signal?: AbortSignal | undefined };

async function receive(
  response: Response,
  path: string,
  { title, from, size, signal }: Receiving,
): Promise<void> {
  const bar = size === null ? undefined : megabytes(title, from, size);
  let received = from;
  const file = await open(path, "a");
  try {
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      await file.appendFile(chunk);
      received += chunk.length;
      bar?.update(received);
    }
  } catch (error) {
    signal?.throwIfAborted();
    const of = size === null ? "" : ` of ${size}`;
    throw new Error(
      `${response.url}: the download broke off after ${received}${of} bytes (${reason(error)}); run this again to go on from there.`,
      { cause: error },
    );
  } finally {
    bar?.stop();
    await file.close();
  }
}

/** A progress bar in megabytes. It shows the total when the last byte is there, not before. */
function megabytes(title: string, from: number, size: number) {
  const total = Math.ceil(size / 1e6);
  const shown = (bytes: number) => Math.floor((bytes / size) * total);
  const bar = progress(title, total, shown(from));
  const update = (bytes: number) => {
    bar.update(shown(bytes), "");
  };
  return {
    update,
    stop: () => {
      bar.stop();
    },
  };
}

/** fetch says only "fetch failed"; why is in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
