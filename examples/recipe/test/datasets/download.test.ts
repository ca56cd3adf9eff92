import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cifar10Release, downloadCifar10 } from "../../datasets/cifar10-download.js";
import { fetchRelease, type Release } from "../../datasets/release.js";
import { archive, contents, honest, releaseOf, type Member } from "./archives.js";
import { serveFile, type Behaviour } from "./server.js";

const body = archive(honest);
let directory: string;
let servers: { close: () => Promise<void> }[];

beforeEach(async () => {
  vi.spyOn(console, "log").mockReturnValue(undefined);
  directory = await mkdtemp(join(tmpdir(), "cfd-release-"));
  servers = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(servers.map((server) => server.close()));
  await rm(directory, { recursive: true, force: true });
});

async function serve(behaviour: Partial<Behaviour> = {}) {
  const server = await serveFile({ body, etag: '"one"', ...behaviour });
  servers.push(server);
  return { server, release: releaseOf(server.url, behaviour.body ?? body) };
}

const part = () => join(directory, "archive.tar.gz.part");

async function expectWhole(release: Release) {
  expect(await fetchRelease(release, { directory })).toBe(join(directory, "set"));
  expect((await readdir(join(directory, "set"))).sort()).toEqual(["a.bin", "b.bin"]);
  for (const [name, content] of Object.entries(contents)) {
    expect(Buffer.compare(await readFile(join(directory, "set", name)), content)).toBe(0);
  }
  expect(await readdir(directory)).toEqual(["set"]); // no archive, no temporary folder
}

/** Waits until so much of the archive is there. */
const came = (bytes: number) =>
  vi.waitFor(async () => {
    expect((await stat(part())).size).toBe(bytes);
  });

/** A download whose connection breaks after so many bytes; says how it ended. */
async function breakOff(server: Awaited<ReturnType<typeof serveFile>>, release: Release, bytes: number) {
  const { behaviour } = server;
  server.behaviour = { ...behaviour, stallAfter: bytes };
  const ended = fetchRelease(release, { directory }).catch((error: unknown) => String(error));
  await came(bytes);
  server.cut();
  server.behaviour = behaviour;
  return ended;
}

describe("fetchRelease", () => {
  it("downloads, unpacks and tidies up; a second call asks for nothing", async () => {
    const { server, release } = await serve();
    await expectWhole(release);
    await expectWhole(release);
    expect(server.requests).toEqual([{}]);
  });

  it("goes on where the connection broke, with the server's word that the file is the same", async () => {
    const { server, release } = await serve();
    expect(await breakOff(server, release, 1000)).toMatch(
      /the download broke off after 1000 of \d+ bytes \(.+\); run this again to go on from there\. To do without/,
    );
    expect(existsSync(join(directory, "set"))).toBe(false);
    await expectWhole(release);
    expect(server.requests.at(-1)).toEqual({ range: "bytes=1000-", ifRange: '"one"' });
  });

  it.each([
    ["ignores ranges", { ranges: false }],
    ["has another file by now (ETag)", { etag: '"two"' }],
  ])("starts anew where the server %s", async (_, change) => {
    const { server, release } = await serve();
    expect(await breakOff(server, release, 1000)).toContain("the download broke off");
    server.behaviour = { ...server.behaviour, ...change };
    await expectWhole(release);
  });

  it("starts anew where the file's size changed and the server has no ETag", async () => {
    const { server, release } = await serve();
    server.behaviour = { body: Buffer.concat([Buffer.alloc(9), body]) };
    expect(await breakOff(server, release, 1000)).toContain("the download broke off");
    server.behaviour = { body };
    await expectWhole(release);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, "bytes=1000-", undefined]);
  });

  it("starts anew where the server's file is shorter than what came before", async () => {
    const { server, release } = await serve({ body: Buffer.concat([body, Buffer.alloc(4000)]) });
    expect(await breakOff(server, release, body.length + 10)).toContain("the download broke off");
    server.behaviour = { body, etag: '"one"' };
    await expectWhole(releaseOf(server.url, body));
  });

  it("takes a file whose length the server does not tell", async () => {
    const { release } = await serve({ length: false });
    await expectWhole(release);
  });

  it("asks for nothing where the whole archive had come", async () => {
    const { server, release } = await serve();
    await writeFile(part(), body);
    const identity = { url: server.url, validator: '"one"', size: body.length };
    await writeFile(`${part()}.json`, JSON.stringify(identity));
    await expectWhole(release);
    expect(server.requests).toEqual([]);
  });

  it("refuses and removes an archive with another checksum", async () => {
    const { release } = await serve();
    const md5 = "0".repeat(32);
    await expect(fetchRelease({ ...release, md5 }, { directory })).rejects.toThrow(
      `expected MD5 ${md5}, got ${release.md5}. It was removed; run this again, or take another mirror.`,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it("takes an archive that was put there by hand, and keeps it, right or wrong", async () => {
    const release = releaseOf("http://127.0.0.1:1/archive.tar.gz", body);
    const archivePath = join(directory, "archive.tar.gz");
    await writeFile(archivePath, "not it");
    await expect(fetchRelease(release, { directory })).rejects.toThrow(
      /archive\.tar\.gz: expected MD5 \w+, got \w+\. Remove it to have it downloaded\./,
    );
    await writeFile(archivePath, body);
    expect(await fetchRelease(release, { directory })).toBe(join(directory, "set"));
    expect((await readdir(directory)).sort()).toEqual(["archive.tar.gz", "set"]);
  });

  it("says what to do where the server refuses, or is not there", async () => {
    const { server, release } = await serve({ status: 404 });
    const advice = `To do without: get archive.tar.gz (MD5 ${release.md5}; see ${release.page}) from ${server.url} on a machine that can, then either put it at ${join(directory, "archive.tar.gz")} and run this again, or unpack it and name its folder with --data DIR.`;
    await expect(fetchRelease(release, { directory })).rejects.toThrow(
      `${server.url}: expected the file, got 404 Not Found. ${advice}`,
    );
    await servers.pop()!.close();
    await expect(fetchRelease(release, { directory })).rejects.toThrow(
      /^Cannot reach http:.*: connect ECONNREFUSED .*\. To do without/,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it("stops with the signal's reason and goes on later", async () => {
    const { server, release } = await serve({ stallAfter: 1000 });
    const stop = new AbortController();
    const stopped = fetchRelease(release, { directory, signal: stop.signal });
    const reason = new Error("enough");
    await came(1000);
    stop.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await expect(fetchRelease(release, { directory, signal: stop.signal })).rejects.toBe(reason);
    server.behaviour = { body, etag: '"one"' };
    await expectWhole(release);
    expect(server.requests.at(-1)!.range).toBe("bytes=1000-");
  });

  it("refuses a folder of that name which is not whole, and leaves it alone", async () => {
    const release = releaseOf("http://127.0.0.1:1/archive.tar.gz", body);
    await mkdir(join(directory, "set"));
    const refusal = fetchRelease(release, { directory });
    await expect(refusal).rejects.toThrow(
      /set: expected a\.bin of 3000 bytes, got no such file\. Remove the folder to have Set fetched anew\./,
    );
    await writeFile(join(directory, "set", "a.bin"), "short");
    await expect(fetchRelease(release, { directory })).rejects.toThrow("a.bin of 3000 bytes, got 5 bytes");
  });
});

describe("a hostile archive", () => {
  const outside = "cfd-outside.bin";
  const hostile: [string, readonly Member[], RegExp][] = [
    ["a path with ..", [{ path: `../${outside}`, content: Buffer.from("x") }], /got the path \.\.\//],
    [
      "a path that leaves its folder",
      [{ path: `set/../../${outside}`, content: Buffer.from("x") }],
      /got the path set\/\.\.\//,
    ],
    ["an absolute path", [{ path: `/tmp/${outside}`, content: Buffer.from("x") }], /got the path \/tmp/],
    [
      "a Windows path",
      [{ path: `set\\..\\..\\${outside}`, content: Buffer.from("x") }],
      /got the path set\\/,
    ],
    [
      "a symbolic link",
      [{ path: "set/a.bin", type: "SymbolicLink", linkpath: "/etc/passwd" }],
      /got a SymbolicLink named set\/a\.bin/,
    ],
    [
      "a folder that is a link",
      [{ path: "set", type: "SymbolicLink", linkpath: "/tmp" }, ...honest],
      /got a SymbolicLink named set/,
    ],
    ["a hard link", [{ path: "set/a.bin", type: "Link", linkpath: "/etc/passwd" }], /got a Link named/],
    ["a pipe", [{ path: "set/a.bin", type: "FIFO" }], /got a FIFO named/],
    [
      "a file of another size",
      [{ path: "set/a.bin", content: Buffer.alloc(9000) }],
      /got set\/a\.bin of 9000 instead of 3000 bytes/,
    ],
    [
      "a header of a huge file",
      [{ path: "set/a.bin", size: 2 ** 40 }],
      /got set\/a\.bin of 1099511627776 instead of 3000 bytes/,
    ],
    ["one file missing", honest.slice(0, 3), /got no set\/b\.bin/],
  ];

  it.each(hostile)("with %s leaves nothing behind", async (_, members, complaint) => {
    const evil = archive(members);
    const { release } = await serve({ body: evil });
    await expect(fetchRelease(release, { directory })).rejects.toThrow(complaint);
    expect(existsSync(join(directory, "set"))).toBe(false);
    expect((await readdir(directory)).filter((name) => !name.startsWith("archive"))).toEqual([]);
    for (const folder of [directory, tmpdir()]) expect(existsSync(join(folder, outside))).toBe(false);
  });

  it("that breaks off, or is none, is refused", async () => {
    for (const bad of [body.subarray(0, 1500), Buffer.from("<html>not found</html>")]) {
      const { release } = await serve({ body: bad });
      await expect(fetchRelease(release, { directory })).rejects.toThrow(
        /archive\.tar\.gz\.part: expected only set\/ and its files, got/,
      );
      await rm(part());
    }
  });
});

describe("downloadCifar10", () => {
  it("is content with the six files in their sizes", async () => {
    const folder = join(directory, "cifar-10-batches-bin");
    await mkdir(folder);
    for (const [name, size] of Object.entries(cifar10Release.files)) {
      await writeFile(join(folder, name), "");
      await truncate(join(folder, name), size);
    }
    expect(Object.keys(cifar10Release.files)).toHaveLength(6);
    expect(await downloadCifar10({ directory, url: "http://127.0.0.1:1/none" })).toBe(folder);
  });

  it("takes nothing but the archive with the published checksum", async () => {
    const { server } = await serve();
    await expect(downloadCifar10({ directory, url: server.url })).rejects.toThrow(
      "expected MD5 c32a1d4ab5d03f1284b67883e8d87530, got",
    );
  });
});
