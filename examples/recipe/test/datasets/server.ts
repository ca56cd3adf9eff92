import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a server hands out its one file. */
export interface Behaviour {
  readonly body: Buffer;
  readonly etag?: string;
  /** Whether ranges are answered. */
  readonly ranges?: boolean;
  readonly status?: number;
  /** Whether the length is told. */
  readonly length?: boolean;
  /** Nothing more comes after so many bytes, until `cut` ends the connection. */
  readonly stallAfter?: number;
}

/** A web server with one file at /archive.tar.gz, which answers as `behaviour` says at that moment. */
export async function serveFile(behaviour: Behaviour) {
  const state = { behaviour, requests: [] as { range?: string | undefined; ifRange?: string | undefined }[] };
  const server = createServer((request, response) => {
    const { range, "if-range": ifRange } = request.headers;
    state.requests.push({ range, ifRange: ifRange as string | undefined });
    answer(state.behaviour, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    server.closeAllConnections();
  };
  const close = async () => {
    cut();
    server.close();
    await once(server, "close");
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`;
  return Object.assign(state, { url, cut, close });
}

function answer(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse): void {
  const { body, etag, ranges = true, status = 200, length = true } = behaviour;
  if (status !== 200) {
    response.writeHead(status).end();
    return;
  }
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const changed = request.headers["if-range"] !== undefined && request.headers["if-range"] !== etag;
  const from = asked === undefined || !ranges || changed ? 0 : Number(asked);
  if (from >= body.length) {
    response.writeHead(416).end();
    return;
  }
  const part = body.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    ...(length ? { "Content-Length": part.length } : {}),
    ...(etag === undefined ? {} : { ETag: etag }),
    ...(from > 0 ? { "Content-Range": `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
  });
  send(behaviour, part, response);
}

function send({ stallAfter }: Behaviour, part: Buffer, response: ServerResponse): void {
  if (stallAfter === undefined) response.end(part);
  else response.write(part.subarray(0, stallAfter));
}
