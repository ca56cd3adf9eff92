import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { download } from "../../src/generator/download.js";
import type { LoadProgress } from "../../src/index.js";
import { serve, startServer, type FileServer } from "./server.js";

let server: FileServer;
let address: string;
beforeAll(async () => {
  server = await startServer();
  address = `${server.address}/student.safetensors`;
});
afterAll(() => server.close());

/** A file of 300 kB, and another of the same size. */
const [file, other] = [7, 11].map((factor) =>
  Uint8Array.from({ length: 3e5 }, (_, i) => (i * factor) >> 3),
) as [Uint8Array, Uint8Array];

/** Downloads; what it gives, and what it said meanwhile. */
async function load(asking: { signal?: AbortSignal; most?: number } = {}) {
  const progress: LoadProgress[] = [];
  const onProgress = (step: LoadProgress) => progress.push(step);
  const bytes = await download("load", address, { onProgress, ...asking });
  return { bytes, progress };
}

/** In place of toEqual, which takes a second for so many. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Where the progress fell back. */
const falls = (progress: readonly LoadProgress[]) =>
  progress.filter(({ loaded }, i) => i > 0 && loaded <= progress[i - 1]!.loaded).length;

describe("a download", () => {
  it("counts what comes of a slow server", async () => {
    server.answer(async (response) => {
      response.writeHead(200, { "content-length": file.length });
      for (let i = 0; i < 3; i++) {
        response.write(file.subarray(i * 1e5, (i + 1) * 1e5));
        await sleep(20);
      }
      response.end();
    });
    const { bytes, progress } = await load();
    expect(same(bytes, file)).toBe(true);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(falls(progress)).toBe(0);
    expect(progress.every(({ total }) => total === 3e5)).toBe(true);
    expect(progress.at(-1)).toEqual({ loaded: 3e5, total: 3e5 });
  });

  it("does not know a total that nobody names", async () => {
    server.answer((response) => response.write(file, () => response.end()));
    const { bytes, progress } = await load();
    expect(same(bytes, file)).toBe(true);
    expect(progress.at(-1)).toEqual({ loaded: 3e5 });
  });

  it("follows redirects", async () => {
    server.answer((response, request, count) => {
      if (count > 0) void serve(file)(response, request, count);
      else response.writeHead(302, { location: "/cdn/file" }).end();
    });
    expect(same((await load()).bytes, file)).toBe(true);
    expect(server.asked.map(({ url }) => url)).toEqual(["/student.safetensors", "/cdn/file"]);
  });
});

describe("a connection that breaks", () => {
  it("goes on where it was", async () => {
    server.answer(serve(file, { etag: '"1"', cuts: [1e5, 1e5] }));
    const { bytes, progress } = await load();
    expect(same(bytes, file)).toBe(true);
    expect(server.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ["bytes=100000-", '"1"'],
      ["bytes=200000-", '"1"'],
    ]);
    expect(falls(progress)).toBe(0);
    expect(progress.at(-1)).toEqual({ loaded: 3e5, total: 3e5 });
  });

  it("survives a server that is away for a moment", async () => {
    const answer = serve(file, { etag: '"1"' });
    server.answer((response, request, count) => {
      if (count === 1) response.destroy();
      else void serve(file, { etag: '"1"', cuts: count === 0 ? [1e5] : [] })(response, request, count);
    });
    expect(same((await load()).bytes, file)).toBe(true);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, "bytes=100000-", "bytes=100000-"]);
    server.answer(answer);
  });

  it.each([
    ["no tag", {}, [undefined, undefined]],
    ["a weak tag", { etag: 'W/"1"' }, [undefined, undefined]],
    ["no ranges", { etag: '"1"', ranges: false }, [undefined, "bytes=100000-"]],
  ])("begins anew where there is %s, once", async (_, serving, ranges) => {
    server.answer(serve(file, { ...serving, cuts: [1e5] }));
    const { bytes, progress } = await load();
    expect(same(bytes, file)).toBe(true);
    expect(server.asked.map(({ range }) => range)).toEqual(ranges);
    expect(falls(progress)).toBe(1);
    server.answer(serve(file, { ...serving, cuts: [1e5, 2e5] }));
    await expect(load()).rejects.toThrow(
      new RegExp(`^load: expected the whole file at ${address}, got 200000 bytes: \\w+`),
    );
    expect(server.asked).toHaveLength(2);
  });

  it("begins anew with a file that has changed", async () => {
    const change = (count: number) =>
      count === 0 ? { bytes: file, etag: '"1"' } : { bytes: other, etag: '"2"' };
    server.answer(serve(change, { cuts: [1e5, 2e5] }));
    expect(same((await load()).bytes, other)).toBe(true);
    expect(server.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ["bytes=100000-", '"1"'],
      ["bytes=200000-", '"2"'],
    ]);
  });

  it("gives up on a file that changes each time", async () => {
    server.answer(serve((count) => ({ bytes: file, etag: `"${count}"` }), { cuts: [1e5, 1e5, 1e5] }));
    await expect(load()).rejects.toThrow("100000 bytes: a file that changes while it is loaded.");
  });

  it.each([
    [
      "another part of it",
      { status: 206, headers: { etag: '"1"', "content-range": "bytes 5-299999/300000" } },
    ],
    [
      "the part of another file",
      { status: 206, headers: { etag: '"2"', "content-range": "bytes 100000-299999/300000" } },
    ],
    ["a part that does not say which", { status: 206, headers: { etag: '"1"' } }],
    ["a refusal", { status: 416, headers: {} }],
  ])("is not taken up by %s", async (_, { status, headers }) => {
    server.answer((response, request, count) => {
      if (count === 1) response.writeHead(status, headers).end(other.subarray(1e5));
      else void serve(file, { etag: '"1"', cuts: count === 0 ? [1e5] : [] })(response, request, count);
    });
    expect(same((await load()).bytes, file)).toBe(true);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, "bytes=100000-", undefined]);
  });

  it("is given up after five tries, the last of which begins anew", async () => {
    server.answer(serve(file, { etag: '"1"', cuts: Array<number>(9).fill(1e4) }));
    await expect(load()).rejects.toThrow("got 10000 bytes: terminated");
    const ranges = [1, 2, 3].map((i) => `bytes=${i}0000-`);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, ...ranges, undefined]);
  }, 20_000);
});

describe("what is refused", () => {
  it.each([
    [
      404,
      "a file at http\\S+, got HTTP 404 \\(Not Found\\): check the address, and its revision if it has one\\.",
    ],
    [503, "a file at http\\S+, got HTTP 503 \\(Service Unavailable\\)\\."],
    [
      206,
      "the whole file at http\\S+, got 0 bytes: a part of the file, for which nobody asked \\(HTTP 206\\)\\.",
    ],
  ])("a status %i", async (status, message) => {
    server.answer((response) => response.writeHead(status).end(file));
    await expect(load()).rejects.toThrow(new RegExp(`^load: expected ${message}$`));
  });

  it("a page", async () => {
    server.answer(serve(file, { type: "text/html; charset=utf-8" }));
    await expect(load()).rejects.toThrow(
      `load: expected a file at ${address}, got an HTML page (content-type text/html; charset=utf-8).`,
    );
  });

  it("a file that is too large, before it is read, and one that becomes so", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-length": 2 ** 32 + 1 });
      response.write(file.subarray(0, 10));
    });
    const { onProgress } = { onProgress: vi.fn() };
    await expect(download("load", address, { onProgress })).rejects.toThrow(
      `load: expected the file at ${address} to be of at most 4294967296 bytes, got 4294967297.`,
    );
    expect(onProgress).not.toHaveBeenCalled();
    server.answer((response) => response.write(file, () => response.end()));
    await expect(load({ most: 1e5 })).rejects.toThrow(/to be of at most 100000 bytes, got \d+\.$/);
  });

  it("an address where nobody answers", async () => {
    const gone = await startServer();
    await gone.close();
    await expect(download("load", `${gone.address}/a`)).rejects.toThrow(
      new RegExp(`^load: expected an answer from ${gone.address}/a, got fetch failed: .*ECONNREFUSED`),
    );
  });
});

describe("a signal", () => {
  it("stops a download that has stalled, and the server hears of it", async () => {
    const controller = new AbortController();
    const closed = new Promise((resolve) => {
      server.answer((response) => {
        response.once("close", resolve);
        response.writeHead(200, { "content-length": file.length });
        response.write(file.subarray(0, 1e4));
      });
    });
    const loading = load({ signal: controller.signal });
    setTimeout(() => {
      controller.abort(new Error("enough"));
    }, 50);
    await expect(loading).rejects.toThrow(/^enough$/);
    await closed;
    expect(server.asked).toHaveLength(1);
  });

  it("stops the pause between two tries", async () => {
    const controller = new AbortController();
    server.answer((response, request, count) => {
      void serve(file, { etag: '"1"', cuts: [1e5, 1, 1, 1] })(response, request, count);
      if (count === 2) setTimeout(() => { controller.abort(new Error("enough")); }, 100); // prettier-ignore
    });
    await expect(load({ signal: controller.signal })).rejects.toThrow(/^enough$/);
    expect(server.asked).toHaveLength(3);
  });

  it("that was given before stops everything", async () => {
    server.answer(serve(file));
    await expect(load({ signal: AbortSignal.abort(new Error("never")) })).rejects.toThrow(/^never$/);
    expect(server.asked).toHaveLength(0);
  });
});

it("what onProgress throws ends the download", async () => {
  server.answer(serve(file));
  const onProgress = () => {
    throw new Error("no room on the page");
  };
  await expect(download("load", address, { onProgress })).rejects.toThrow(/^no room on the page$/);
});
