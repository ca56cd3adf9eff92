import { createHash } from "node:crypto";
import { Blob } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadGenerator, type GeneratorSource, type LoadOptions, type LoadProgress } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { studentFile } from "./checkpoints.js";
import { drawnBy, temporaryFolder } from "./drawn.js";
import { serve, startServer, type FileServer } from "./server.js";

onCpuWithoutLeaks();

const folder = temporaryFolder();
let server: FileServer;
let address: string;
let file: Uint8Array;
let wanted: number[];
beforeAll(async () => {
  server = await startServer();
  address = `${server.address}/student.safetensors`;
  file = await studentFile();
  wanted = await drawnBy(file);
  server.answer(serve(file));
});
afterAll(() => server.close());

const integrityOf = (bytes: Uint8Array) => `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
const refused = (source: unknown, options: LoadOptions = {}) =>
  expect(loadGenerator(source as GeneratorSource, options)).rejects;

/** The file with blanks behind its header, so that it begins with "<", as a page does. */
function likeAPage(bytes: Uint8Array): Uint8Array {
  const header = Number(Buffer.from(bytes).readBigUInt64LE(0));
  const blanks = (0x3c - (header % 256) + 256) % 256;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header + blanks));
  return Buffer.concat([
    length,
    bytes.subarray(8, 8 + header),
    Buffer.alloc(blanks, " "),
    bytes.subarray(8 + header),
  ]);
}

describe("every source gives the same images", () => {
  const sources: [string, () => unknown][] = [
    ["a text", () => address],
    ["a URL", () => new URL(address)],
    ["a data: address", () => `data:application/octet-stream;base64,${Buffer.from(file).toString("base64")}`],
    ["a response", () => fetch(address)],
    ["a response of no address", () => new Response(Buffer.from(file))],
    ["a Blob", () => new Blob([Buffer.from(file)])],
    ["a File", () => new File([Buffer.from(file)], "student.safetensors")],
    ["an ArrayBuffer", () => Uint8Array.from(file).buffer],
    ["shared memory", () => Object.assign(new Uint8Array(new SharedArrayBuffer(file.length)), file)],
    ["a file that begins as a page does", () => likeAPage(file)],
  ];
  it.each(sources)("%s", async (_, source) => {
    expect(await drawnBy((await source()) as GeneratorSource)).toEqual(wanted);
  });

  it("a file's address, with its progress", async () => {
    const path = join(folder(), "student.safetensors");
    await writeFile(path, file);
    const progress: LoadProgress[] = [];
    const onProgress = (step: LoadProgress) => progress.push(step);
    expect(await drawnBy(pathToFileURL(path), { onProgress })).toEqual(wanted);
    expect(progress).toEqual([{ loaded: file.length, total: file.length }]);
    const none = join(folder(), "none");
    const nothing = "nothing: there is no such file";
    await refused(pathToFileURL(none)).toThrow(`loadGenerator: expected a file at ${none}, got ${nothing}.`);
    await refused(pathToFileURL(folder())).toThrow(/^loadGenerator: expected a file at \S+, got a folder\.$/);
  });

  it("a file that was cut and taken up", async () => {
    server.answer(serve(file, { etag: '"1"', cuts: [5000] }));
    expect(await drawnBy(address)).toEqual(wanted);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, "bytes=5000-"]);
    server.answer(serve(file));
  });

  it("progress of a response and of a Blob", async () => {
    for (const source of [await fetch(address), new Blob([Buffer.from(file)])]) {
      const onProgress = vi.fn();
      expect(await drawnBy(source as GeneratorSource, { onProgress })).toEqual(wanted);
      expect(onProgress).toHaveBeenLastCalledWith({ loaded: file.length, total: file.length });
    }
  });
});

describe("what is no checkpoint is named, with its address", () => {
  it.each<[string, string | Uint8Array, string]>([
    ["a page of another type", "<!DOCTYPE html><p>Sign in", "a checkpoint at ADDRESS, got an HTML page: <!DOCTYPE html><p>Sign in."],
    ["XML", " <Error>", "a checkpoint at ADDRESS, got a page of HTML or XML: <Error>."],
    ["JSON", '{"error":1}', 'a checkpoint at ADDRESS, got JSON text: {"error":1}.'],
    ["nothing", "", "a checkpoint at ADDRESS, got 0 bytes: an empty file."],
    ["a pointer", "version https://git-lfs.github.com/spec/v1\n", "got a Git LFS pointer in place of the file"],
    ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0, 0), "a checkpoint at ADDRESS, got a PNG."],
  ])("%s", async (_, body, message) => {
    server.answer(serve(typeof body === "string" ? Buffer.from(body) : body));
    await refused(address).toThrow(message.replace("ADDRESS", address));
    server.answer(serve(file));
  }); // prettier-ignore

  it("a page, a status, an answer that was read", async () => {
    server.answer(serve(Buffer.from("<html>"), { type: "text/html" }));
    const message = `loadGenerator: expected a file at ${address}, got an HTML page (content-type text/html).`;
    await refused(address).toThrow(message);
    await refused(await fetch(address)).toThrow(message);
    server.answer((response) => response.writeHead(404).end());
    await refused(address).toThrow(
      `loadGenerator: expected a file at ${address}, got HTTP 404 (Not Found): check the address`,
    );
    await refused(await fetch(address)).toThrow(
      `expected a file at ${address}, got HTTP 404 (Not Found): check the address`,
    );
    server.answer(serve(file));
    const read = await fetch(address);
    await read.arrayBuffer();
    const locked = await fetch(address);
    locked.body!.getReader();
    await refused(locked).toThrow("a response that nobody has read");
    await refused(read).toThrow(`a response that nobody has read, got that of ${address}, read already.`);
  });

  it("half a file, whose length is a lie", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-length": file.length >> 1, connection: "close" });
      response.write(file.subarray(0, file.length >> 1));
      response.end();
    });
    await refused(address).toThrow(
      `expected a checkpoint of a diffusion model at ${address}, got decodeSafetensors:`,
    );
    await refused(new Blob([Buffer.from(file.subarray(0, 5000))])).toThrow(
      "a diffusion model at the blob, got",
    );
    server.answer(serve(file));
  });
});

describe("integrity", () => {
  it("passes the file that was meant, whatever brings it", async () => {
    const integrity = integrityOf(file);
    for (const source of [address, file, new Blob([Buffer.from(file)]) as unknown as GeneratorSource])
      expect(await drawnBy(source, { integrity })).toEqual(wanted);
  });

  it("refuses every other", async () => {
    const integrity = integrityOf(await studentFile({ seed: 3 }));
    const got = `, got ${integrityOf(file)}.`;
    await refused(address, { integrity }).toThrow(
      `loadGenerator: expected a file of integrity ${integrity} at ${address}${got}`,
    );
    await refused(file, { integrity }).toThrow(`expected a file of integrity ${integrity}${got}`);
  });

  it("has to be one, and to be checkable, before anything is asked for", async () => {
    server.answer(serve(file));
    for (const integrity of ["", "sha256-", `sha512-${"A".repeat(43)}=`, "sha256-" + "A".repeat(44), 1])
      await refused(address, { integrity } as never).toThrow(
        'integrity to be "sha256-" and 44 characters of base64',
      );
    vi.stubGlobal("crypto", {});
    await refused(address, { integrity: integrityOf(file) }).toThrow(
      "expected crypto.subtle to check the integrity with, which pages have over https and on localhost, got none.",
    );
    vi.unstubAllGlobals();
    expect(server.asked).toEqual([]);
  });
});

describe("options and sources that are none", () => {
  it.each<[string, unknown, object, string]>([
    ["a wrong name", "x", { caches: true }, "expected option cache, got caches."],
    ["a cache", "x", { cache: "yes" }, 'expected cache to be true, false or "reload", got yes.'],
    ["a function", "x", { onProgress: 1 }, "expected onProgress to be a function, got 1."],
    ["a signal", "x", { signal: {} }, "expected signal to be an AbortSignal, got {}."],
    ["a cache of bytes", new Uint8Array(1), { cache: true }, "expected an address where there is a cache, got a Uint8Array."],
    ["a cache of data", "data:,x", { cache: true }, "an address of http or https where there is a cache, got data:,x."],
    ["a relative address", "student.safetensors", {}, "loadGenerator(await readFile(path)), got student.safetensors."],
    ["a promise", Promise.resolve(), {}, "expected a Uint8Array, got a promise: await it first."],
    ["a number", 7, {}, "expected a Uint8Array, got 7."],
    ["nothing", undefined, {}, "expected a Uint8Array, got undefined."],
  ])("%s", async (_, source, options, message) => {
    await refused(source, options).toThrow(message);
  }); // prettier-ignore
});

describe("a signal", () => {
  it.each(["a text", "a response", "bytes"])("stops the loading of %s", async (kind) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    server.answer(serve(file));
    const source = kind === "a text" ? address : kind === "bytes" ? file : await fetch(address);
    const signal = controller.signal;
    const onProgress = () => {
      controller.abort(reason);
    };
    if (kind === "bytes") onProgress();
    await refused(source, { signal, onProgress }).toBe(reason);
  });

  it("stops a response that has stalled", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-length": file.length });
      response.write(file.subarray(0, 1000));
    });
    const started = performance.now();
    await refused(await fetch(address), { signal: AbortSignal.timeout(100) }).toThrow("timeout");
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
