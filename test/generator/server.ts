import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers a request; `count` is 0 for the first. */
export type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => unknown;

/** What a request asked for. */
export interface Asked {
  readonly url: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface FileServer {
  readonly address: string;
  /** What was asked since the last `answer`. */
  readonly asked: Asked[];
  answer(answer: Answer): void;
  close(): Promise<void>;
}

/** A server on this machine, whose answers each test gives. */
export async function startServer(): Promise<FileServer> {
  let current: Answer = (response) => response.writeHead(404).end();
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { range, "if-range": ifRange } = request.headers;
    asked.push({ url: request.url!, range, ifRange: ifRange as string | undefined });
    void current(response, request, asked.length - 1);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer(next) {
      current = next;
      asked.length = 0;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Milliseconds before a connection breaks: a browser drops what it has received and not yet handed on. */
const PATIENCE = 250;

/** How a file is served. */
export interface Serving {
  readonly etag?: string;
  /** How many bytes come before the connection breaks, try by try; afterwards all. */
  readonly cuts?: readonly number[];
  /** Whether the server can begin in the middle. */
  readonly ranges?: boolean;
  readonly type?: string;
}

/** Serves a file; `fileOf` says which, try by try. */
export function serve(
  fileOf: Uint8Array | ((count: number) => { bytes: Uint8Array; etag: string }),
  { etag: only, cuts = [], ranges = true, type = "application/octet-stream" }: Serving = {},
): Answer {
  return (response, { headers }, count) => {
    const { bytes, etag } = typeof fileOf === "function" ? fileOf(count) : { bytes: fileOf, etag: only };
    const [, start = ""] = /^bytes=(\d+)-$/.exec(headers.range ?? "") ?? [];
    const isRest = ranges && start !== "" && headers["if-range"] === etag;
    const from = isRest ? Number(start) : 0;
    response.writeHead(isRest ? 206 : 200, {
      "content-type": type,
      "content-length": bytes.length - from,
      ...(etag !== undefined && { etag }),
      ...(isRest && { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    const cut = cuts[count];
    if (cut === undefined) response.end(bytes.subarray(from));
    else
      response.write(bytes.subarray(from, from + cut), () => setTimeout(() => response.destroy(), PATIENCE));
  };
}
