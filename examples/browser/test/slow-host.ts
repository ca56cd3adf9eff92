// A host at the end of a slow line: what all connections to it carry together has a limit, workers' too, and each answer
// takes a while to begin. It compresses text, as hosts do, and lets browsers keep files for a while.
import { readFileSync, existsSync, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

interface Line {
  readonly bytesPerSecond: number;
  /** From a request to its answer. */
  readonly latency: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves a folder over such a line. `sent` is how many bytes went over it, `begun` when it was first asked. */
export async function serveSlowly(folder: string, { bytesPerSecond, latency, headers = {} }: Line) {
  const PIECE = 4096;
  const LATE = 50; // by which timers may be: a line does not wait for them
  let free = 0; // when the line has carried what was handed to it
  let sent = 0;
  let first: number | undefined;
  const carry = async (body: Buffer, response: ServerResponse) => {
    for (let at = 0; at < body.length && !response.destroyed; at += PIECE) {
      const piece = body.subarray(at, at + PIECE);
      free = Math.max(free, performance.now() - LATE) + (1000 * piece.length) / bytesPerSecond;
      sent += piece.length;
      await wait(Math.max(0, free - performance.now()));
      response.write(piece);
    }
    response.end();
  };
  const server = createServer((request, response) => {
    first ??= performance.now();
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = join(folder, normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    const isThere = existsSync(path) && statSync(path).isFile();
    const type = types[extname(path)];
    const body = isThere ? readFileSync(path) : Buffer.alloc(0);
    void wait(latency).then(() => {
      response.writeHead(isThere ? 200 : 404, {
        "Content-Type": type ?? "application/octet-stream",
        "Cache-Control": "max-age=600",
        ...(type ? { "Content-Encoding": "gzip" } : { "Content-Length": body.length }),
        ...headers,
      });
      return carry(type ? gzipSync(body) : body, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    sent: () => sent,
    begun: () => first!,
    close: () => void server.close(),
  };
}
