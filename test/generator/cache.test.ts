import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { keep } from "../../src/generator/store.js";
import { loadGenerator, type LoadOptions } from "../../src/index.js";
import { onCpuWithoutLeaks } from "../support/no-leaks.js";
import { studentFile } from "./checkpoints.js";
import { drawnBy, temporaryFolder } from "./drawn.js";
import { serve, startServer, type FileServer } from "./server.js";

onCpuWithoutLeaks();

const folder = temporaryFolder();
const models = () => join(folder(), "models");
let server: FileServer;
let address: string;
let file: Uint8Array, newer: Uint8Array, unsized: Uint8Array;
let wanted: number[], wantedNewer: number[];
beforeAll(async () => {
  server = await startServer();
  address = `${server.address}/student.safetensors`;
  [file, newer, unsized] = [
    await studentFile(),
    await studentFile({ seed: 3 }),
    await studentFile({ imageShape: undefined }),
  ];
  [wanted, wantedNewer] = [await drawnBy(file), await drawnBy(newer)];
});
afterAll(() => server.close());
beforeEach(() => {
  vi.stubEnv("CFD_DISTILL_CACHE", folder());
  server.answer(serve(file));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

const cache = true;
const sha256 = (data: string | Uint8Array, form: "hex" | "base64") =>
  createHash("sha256").update(data).digest(form);
const refused = (options: LoadOptions = { cache }) => expect(loadGenerator(address, options)).rejects;
/** What stands in the cache of Node. */
const kept = () => (existsSync(models()) ? readdirSync(models()) : []);
/** Why the file was not kept. */
async function uncachedOf(options: LoadOptions = { cache }): Promise<string | undefined> {
  const generator = await loadGenerator(address, options);
  generator.dispose();
  return generator.uncached;
}
/** Takes the server off the net. */
const goOffline = () => {
  server.answer((response) => response.destroy());
};

describe("the folder of Node", () => {
  it("has the file after the first load, which is the last that asks for it", async () => {
    expect(await drawnBy(address)).toEqual(wanted);
    expect(kept()).toEqual([]);
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(server.asked).toHaveLength(2);
    expect(kept()).toEqual([`${sha256(`${address} `, "hex")}.safetensors`]);
    expect(readFileSync(join(models(), kept()[0]!)).equals(file)).toBe(true);
    goOffline();
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(await drawnBy(new URL(`${address}#part`), { cache })).toEqual(wanted);
    expect(await uncachedOf()).toBeUndefined();
    expect(server.asked).toEqual([]);
    await refused({}).toThrow(`loadGenerator: expected an answer from ${address}, got fetch failed: `);
  });

  it("gets a newer one where that is asked for, or keeps what it has", async () => {
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    server.answer(serve(newer));
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(await drawnBy(address, { cache: "reload" })).toEqual(wantedNewer);
    expect(await drawnBy(address, { cache })).toEqual(wantedNewer);
    expect(server.asked).toHaveLength(1);
    goOffline();
    await refused({ cache: "reload" }).toThrow("expected an answer from");
    expect(await drawnBy(address, { cache })).toEqual(wantedNewer);
    expect(kept()).toHaveLength(1);
  });

  it("has an entry for each integrity, which is checked anew", async () => {
    const integrity = `sha256-${sha256(file, "base64")}`;
    expect(await drawnBy(address, { cache, integrity })).toEqual(wanted);
    expect(await drawnBy(address, { cache, integrity })).toEqual(wanted);
    expect(server.asked).toHaveLength(1);
    const [name] = kept();
    expect(name).toBe(`${sha256(`${address} ${integrity}`, "hex")}.safetensors`);
    writeFileSync(join(models(), name!), newer);
    expect(await drawnBy(address, { cache, integrity })).toEqual(wanted);
    expect(server.asked).toHaveLength(2);
    expect(readFileSync(join(models(), name!)).equals(file)).toBe(true);
  });

  it.each([
    ["half written", () => file.subarray(0, file.length >> 1)],
    ["empty", () => new Uint8Array()],
    ["another file's", () => Buffer.from("text")],
  ])("drops an entry that is %s", async (_, content) => {
    await drawnBy(address, { cache });
    const path = join(models(), kept()[0]!);
    writeFileSync(path, content());
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(server.asked).toHaveLength(2);
    expect(readFileSync(path).equals(file)).toBe(true);
    writeFileSync(path, content());
    goOffline();
    await refused().toThrow("expected an answer from");
    expect(kept()).toEqual([]);
  });

  it("is made again where somebody has removed it", async () => {
    await drawnBy(address, { cache });
    rmSync(models(), { recursive: true });
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(server.asked).toHaveLength(2);
    expect(kept()).toHaveLength(1);
  });

  it("is done without where it cannot be written, and that is said", async () => {
    writeFileSync(models(), "a file in the folder's place");
    expect(await uncachedOf()).toMatch(
      /^(EEXIST|ENOTDIR): .* \(set CFD_DISTILL_CACHE to a folder that can be written\)$/,
    );
    rmSync(models());
    vi.stubEnv("CFD_DISTILL_CACHE", "relative");
    expect(await uncachedOf()).toBe(
      "loadGenerator: expected CFD_DISTILL_CACHE to be an absolute path, got relative.",
    );
    expect(kept()).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)("of another user is done without", async () => {
    mkdirSync(models());
    chmodSync(models(), 0o500);
    expect(await uncachedOf()).toContain("EACCES");
  });

  it("keeps one whole file where several write at once", async () => {
    const images = await Promise.all([1, 2, 3, 4].map(() => loadGenerator(address, { cache })));
    for (const generator of images) generator.dispose();
    expect(kept()).toHaveLength(1);
    expect(readFileSync(join(models(), kept()[0]!)).equals(file)).toBe(true);
  });
});

describe("nothing is kept where the load fails", () => {
  it.each<[string, () => LoadOptions, string]>([
    ["a status", () => (server.answer((r) => r.writeHead(500).end()), {}), "HTTP 500"],
    ["a page", () => (server.answer(serve(Buffer.from("<html>"))), {}), "an HTML page"],
    ["a torn file", () => (server.answer(serve(file.subarray(0, 9000))), {}), "a checkpoint of a diffusion model at"],
    ["a connection that breaks", () => (server.answer(serve(file, { cuts: [9, 9] })), {}), "the whole file at"],
    ["another file", () => ({ integrity: `sha256-${"A".repeat(43)}=` }), "a file of integrity"],
    ["no shape", () => (server.answer(serve(unsized)), {}), "expected an imageShape, in the checkpoint"],
    ["a wrong shape", () => ({ imageShape: [8, 8, 1] }), "expected imageShape to have 3 channels"],
    ["a stop", () => ({ signal: AbortSignal.timeout(0) }), "timeout"],
  ])("%s", async (_, prepare, message) => {
    await refused({ cache, ...prepare() }).toThrow(message);
    expect(readdirSync(folder())).toEqual([]);
  }); // prettier-ignore

  it("a stop after the last byte", async () => {
    const controller = new AbortController();
    const onProgress = ({ loaded }: { readonly loaded: number }) => {
      if (loaded === file.length) controller.abort(new Error("enough"));
    };
    await refused({ cache, onProgress, signal: controller.signal }).toThrow(/^enough$/);
    expect(readdirSync(folder())).toEqual([]);
  });

  it("though an entry that is whole stays, whatever shape is asked of it", async () => {
    await drawnBy(address, { cache });
    await refused({ cache, imageShape: [8, 8, 1] }).toThrow("expected imageShape to have 3 channels");
    expect(kept()).toHaveLength(1);
  });
});

/** The Cache API of a page, of which `put` may fail. */
function fakeCaches(put?: () => Promise<void>) {
  const entries = new Map<string, Uint8Array>();
  const store = {
    match: (key: string) =>
      Promise.resolve(entries.has(key) ? new Response(Buffer.from(entries.get(key)!)) : undefined),
    put: async (key: string, response: Response) => {
      await put?.();
      entries.set(key, new Uint8Array(await response.arrayBuffer()));
    },
    delete: (key: string) => Promise.resolve(entries.delete(key)),
  };
  const open = vi.fn(() => Promise.resolve(store));
  vi.stubGlobal("caches", { open });
  return { entries, open };
}

it("says what helps where a file is not kept", async () => {
  const reason = (code: string | undefined) => {
    const write = () => Promise.reject(Object.assign(new Error("it fails"), { code }));
    return keep({ read: () => Promise.resolve(undefined), write, remove: write }, "key", new Uint8Array(1));
  };
  const elsewhere = "set CFD_DISTILL_CACHE to a folder that can be written";
  expect(await reason("ENOSPC")).toBe(`it fails (the disk is full: free some of it, or ${elsewhere})`);
  expect(await reason("EACCES")).toBe(`it fails (${elsewhere})`);
  expect(await reason("toString")).toBe("it fails");
  expect(await reason(undefined)).toBe("it fails");
});

describe("the Cache API", () => {
  it("takes the folder's place where there is one", async () => {
    const { entries, open } = fakeCaches();
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    goOffline();
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(open).toHaveBeenCalledWith("cfd-distill");
    expect([...entries.keys()]).toEqual([`https://cfd-distill.invalid/${encodeURIComponent(`${address} `)}`]);
    expect(readdirSync(folder())).toEqual([]);
    const [key] = entries.keys();
    entries.set(key!, file.slice(0, 100));
    server.answer(serve(file));
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(entries.get(key!)).toEqual(file);
  });

  it("that is full leaves the generator as it is, and nothing behind", async () => {
    const { entries } = fakeCaches(() =>
      Promise.reject(new DOMException("Quota exceeded.", "QuotaExceededError")),
    );
    const warn = vi.spyOn(console, "warn");
    const onProgress = vi.fn();
    expect(await uncachedOf({ cache, onProgress })).toMatch(
      /^Quota exceeded\. \(the browser gives this site no more room: free some of the disk, or of the site's data\)$/,
    );
    expect(await drawnBy(address, { cache })).toEqual(wanted);
    expect(entries.size).toBe(0);
    expect(warn).not.toHaveBeenCalled();
    expect(onProgress).toHaveBeenLastCalledWith({ loaded: file.length, total: file.length });
  });

  it("that a page may not use is done without", async () => {
    vi.stubGlobal("caches", { open: () => Promise.reject(new DOMException("The operation is insecure.")) });
    expect(await uncachedOf()).toBe("The operation is insecure.");
  });

  it("that is not there, in a page, is named", async () => {
    vi.stubGlobal("process", { ...process, versions: {} });
    const generator = await loadGenerator(address, { cache });
    vi.unstubAllGlobals();
    generator.dispose();
    expect(generator.uncached).toBe("there is no Cache API; pages have it over https and on localhost");
  });
});
