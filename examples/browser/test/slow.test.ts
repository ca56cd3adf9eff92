// What a visitor on a slow line waits for.
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../../../tools/pages/chromium.js";
import { visit, waitForText } from "../../../tools/pages/visit.js";
import { serveSlowly } from "./slow-host.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const chromium = findChromium();

/** 1.6 Mbit/s and 150 ms: what Lighthouse calls slow 4G. */
const slow = { bytesPerSecond: 200_000, latency: 150 };

describe.skipIf(!chromium)("on a slow line", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium!);
  });
  afterAll(async () => {
    await browser.close();
  });

  it("has its first picture by 11 s of the line, within 15 s of a cold start: the rest is a busy machine's", async () => {
    const host = await serveSlowly(here("../dist"), slow);
    const { page } = await visit(browser, host.url, { viewport: { width: 360, height: 800 } });
    await waitForText(
      page,
      "#figures figure:first-child figcaption",
      /^Fetching the model: \d\.\d of 1\.7 MB$/,
    );
    await page.waitForFunction(() => (globalThis as unknown as { shown: unknown[] }).shown.length > 0);
    const seconds = (performance.now() - host.begun()) / 1000;
    expect(host.sent()).toBeLessThan(11 * slow.bytesPerSecond);
    await page.context().close();
    host.close();
    expect(seconds).toBeLessThan(15); // 11 to 12 where nothing else runs
  });
});
