// Loading and drawing in pages of Chromium, from servers of a test's own.
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { imageGrid } from "../../src/data/index.js";
import { loadGenerator, useBackend } from "../../src/index.js";
import { launchChromium } from "../../tools/pages/chromium.js";
import { programPage } from "../../tools/pages/program-page.js";
import { serve as servePage } from "../../tools/pages/serve.js";
import { visit } from "../../tools/pages/visit.js";
import { studentFile } from "../generator/checkpoints.js";
import { serve, startServer, type Answer, type FileServer, type Serving } from "../generator/server.js";
import type { Done, Task } from "./generator-program.js";

const draw = { seeds: [1, 2, 3], columns: 2 };
let folder: string;
let browser: Browser;
let site: Awaited<ReturnType<typeof servePage>>;
let files: FileServer;
let address: string;
let file: Uint8Array;
/** RGB of the picture that Node makes of it. */
let wanted: number[];
const pages: Page[] = [];

beforeAll(async () => {
  folder = await programPage(fileURLToPath(new URL("generator-program.ts", import.meta.url)));
  browser = await launchChromium(inject("chromium"), {
    args: ["--host-resolver-rules=MAP plain.test 127.0.0.1"],
  });
  [site, files] = [await servePage(folder), await startServer()];
  address = `${files.address}/student.safetensors`;
  await useBackend("cpu");
  file = await studentFile();
  const generator = await loadGenerator(file);
  const images = await generator.sample({ seeds: draw.seeds });
  wanted = [...(await imageGrid(images, { columns: 2, gap: 0 })).data];
  images.dispose();
  generator.dispose();
});
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});
afterAll(async () => {
  await browser.close();
  site.close();
  await files.close();
  rmSync(folder, { recursive: true });
});

/** A new visitor's page. */
async function open(host = "127.0.0.1"): Promise<Page> {
  const url = new URL("module/", site.url);
  url.hostname = host;
  const { page } = await visit(browser, url.href);
  pages.push(page);
  await page.waitForFunction(() => "run" in globalThis);
  return page;
}

/** Has a page load and draw. */
const run = (page: Page, load: Task["load"] = {}): Promise<Done> =>
  page.evaluate((task) => (globalThis as unknown as { run: (task: Task) => Promise<Done> }).run(task), {
    address,
    load,
    draw,
  } as Task);

/** Another host's file, which lets every page read it, and its tag as far as `exposed` says. */
function shared(serving: Serving = {}, exposed = ""): Answer {
  return (response, request, count) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "range, if-range");
    response.setHeader("access-control-expose-headers", exposed);
    response.setHeader("cache-control", "no-store");
    if (request.method === "OPTIONS") response.writeHead(204).end();
    else void serve(file, serving)(response, request, count);
  };
}

const rgbOf = ({ data }: Done["html"]) => data.filter((_, i) => i % 4 < 3);

describe("a page", () => {
  it("draws what Node draws, on both kinds of canvas, and loads once where it has a cache", async () => {
    const page = await open();
    files.answer(shared());
    const first = await run(page, { cache: true });
    expect(first.html).toMatchObject({ width: 16, height: 16 });
    expect(rgbOf(first.html)).toEqual(wanted);
    expect(first.offscreen).toEqual(first.html);
    expect(first.uncached).toBeUndefined();
    expect(first.progress.at(-1)).toEqual({ loaded: file.length, total: file.length });
    await page.reload();
    await page.waitForFunction(() => "run" in globalThis);
    files.answer((response) => response.destroy());
    const again = await run(page, { cache: true });
    expect(files.asked).toEqual([]);
    expect([again.html, again.progress]).toEqual([first.html, []]);
    await expect(run(page)).rejects.toThrow(
      `loadGenerator: expected an answer from ${address}, got Failed to fetch (offline, no such server, or one that ` +
        "does not let this page read it: CORS).",
    );
  });

  it("does not draw on canvases that are taken", async () => {
    files.answer(shared());
    const { taken } = await run(await open());
    const expected = "Error: Generator.draw: expected a canvas whose 2d context can be had, got ";
    expect(taken[0]).toBe(`${expected}one that already has a context of another kind.`);
    expect(taken[1]).toMatch(
      /^Error: Generator\.draw: expected a canvas whose 2d context can be had, got .*transferred/,
    );
  });

  it.each([
    ["goes on where it was, if it sees the file's tag", "ETag", "bytes=5000-"],
    ["begins anew, if it does not", "", undefined],
  ])("whose connection breaks %s", async (_, exposed, range) => {
    files.answer(shared({ etag: '"1"', cuts: [5000] }, exposed));
    const { html } = await run(await open());
    expect(rgbOf(html)).toEqual(wanted);
    expect(files.asked.at(-1)!.range).toBe(range);
  });

  it("of a host of plain http has no cache and no integrity, and says so", async () => {
    const page = await open("plain.test");
    files.answer(shared());
    const { html, uncached } = await run(page, { cache: true });
    expect(rgbOf(html)).toEqual(wanted);
    expect(uncached).toBe("there is no Cache API; pages have it over https and on localhost");
    const integrity = `sha256-${createHash("sha256").update(file).digest("base64")}`;
    await expect(run(page, { integrity })).rejects.toThrow("loadGenerator: expected crypto.subtle to check");
    expect((await run(await open(), { integrity })).html).toEqual(html);
  });
});
