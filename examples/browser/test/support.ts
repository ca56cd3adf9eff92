// What the tests of the page share.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import "cfd-distill/backends/wasm";
import { loadGenerator, useBackend } from "cfd-distill";
import type { Browser, Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Manifest } from "../../emoji/manifest.js";
import { findChromium, launchChromium } from "../../../tools/pages/chromium.js";
import { isolation, serve } from "../../../tools/pages/serve.js";
import { visit, waitForText, type Visit } from "../../../tools/pages/visit.js";

export const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
export const model = (name: string) => readFileSync(here(`../../assets/models/${name}.safetensors`));
export const manifest = JSON.parse(
  readFileSync(here("../../assets/models/manifest.json"), "utf8"),
) as Manifest;
export const labelOf = (kind: string) => manifest.classes.indexOf(kind);
export const teacherSteps = manifest.models.find(({ method }) => method === "teacher")!.steps;

/** Where it is; without it nothing is tested. */
export const chromium = findChromium();
if (!chromium)
  console.warn("\n!!! demo: SKIPPED, because there is no Chromium (set CHROMIUM to its path) !!!\n");

/** A student's image, from this library in Node. */
export async function drawnByNode(name: string, seed: number, label: number): Promise<Float32Array> {
  await useBackend("wasm");
  const generator = await loadGenerator(model(name));
  const images = await generator.sample({ seeds: [seed], labels: [label] });
  const values = await images.data<"float32">();
  images.dispose();
  generator.dispose();
  return values;
}

/** The RGB bytes on a canvas of 28x28. */
export async function paintedOn(page: Page, canvas: string): Promise<number[]> {
  const painted = await page.evaluate((selector) => {
    const tile = document.querySelector<HTMLCanvasElement>(selector)!;
    const context = new OffscreenCanvas(28, 28).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(tile, 0, 0); // reading a canvas of the page again and again has Chromium warn
    return [...context.getImageData(0, 0, 28, 28).data];
  }, canvas);
  return painted.filter((_, i) => i % 4 !== 3);
}

/** Expects a canvas to show these values in [-1, 1]. */
export async function expectPainted(page: Page, canvas: string, wanted: Float32Array): Promise<void> {
  const bytes = await paintedOn(page, canvas);
  const far = wanted.map((value, i) => Math.abs(127.5 + 127.5 * value - bytes[i]!));
  expect(Math.max(...far)).toBeLessThan(0.7);
}

/** What a figure says when it is drawn. */
export const TIMED = /^\d+(\.\d)? m?s a picture$/;

/** The page in Chromium, on hosts of its own while a file's tests run. */
export function openBrowser() {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof serve>>;
  let isolated: Awaited<ReturnType<typeof serve>>;
  const visits: Visit[] = [];
  beforeAll(async () => {
    [site, isolated] = [await serve(here("..")), await serve(here("../dist"), isolation)];
    const args = ["--host-resolver-rules=MAP plain.test 127.0.0.1"];
    browser = await launchChromium(chromium!, { args });
  });
  afterAll(async () => {
    await browser.close();
    site.close();
    isolated.close();
  });
  afterEach(async () => {
    const complaints = visits.flatMap((one) => one.complaints);
    for (const { page } of visits.splice(0)) await page.context().close();
    expect(complaints, "console errors, exceptions, requests to other hosts").toEqual([]);
  });
  const urls = {
    /** In a folder of a host that sends no headers: a service worker isolates the page, ... */
    hosted: () => `${site.url}dist/`,
    /** ... except on plain http. */
    insecure: () => `${site.url.replace("127.0.0.1", "plain.test")}dist/`,
    isolated: () => isolated.url,
  };
  const open = async (url = urls.hosted(), options?: Parameters<typeof visit>[2]): Promise<Visit> => {
    const opened = await visit(browser, url, options);
    visits.push(opened);
    if (!url.startsWith(urls.insecure())) await opened.page.waitForFunction(() => crossOriginIsolated);
    return opened;
  };
  return {
    urls,
    open,
    /** With a single student to look at, which is quick; `more` settings in the address. */
    openQuick: async (url = urls.hosted(), more = ""): Promise<Visit> => {
      const opened = await open(`${url}#show=cfd-1${more}`);
      await waitForText(opened.page, "#figures figure:only-child figcaption", TIMED);
      return opened;
    },
    /** With teacher, DDIM, PD and CFD. */
    openDrawn: async (...more: Parameters<typeof open>): Promise<Visit> => {
      const opened = await open(...more);
      await waitForText(opened.page, "#draw-status", /^Drawn on wasm/);
      return opened;
    },
    /** Forgets what the console said of failures that a test has made. */
    forget: async ({ page }: Visit): Promise<void> => {
      visits.splice(0);
      await page.context().close();
    },
  };
}
