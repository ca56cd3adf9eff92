// Takes the pictures of the demo in docs/demo, from its production build, in Chromium (CHROMIUM names another one).
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { isolation, serve } from "../tools/pages/serve.js";
import { visit, waitForText } from "../tools/pages/visit.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pictures = here("../docs/demo/");
const executable = findChromium();
if (!executable) throw new Error("demo:screenshots: expected Chromium; set CHROMIUM to its path.");

mkdirSync(pictures, { recursive: true });
await build({ configFile: here("../examples/browser/vite.config.ts"), logLevel: "error" });
const site = await serve(here("../examples/browser/dist"), isolation);
const browser = await launchChromium(executable);
const { page } = await visit(browser, site.url, {
  viewport: { width: 1200, height: 900 },
  deviceScaleFactor: 2,
});
await waitForText(page, "#draw-status", /^Drawn on wasm/);
await page.click("#distil-go");
await waitForText(page, "#distil-status", /^Step [7-9]\d of 100/, 600_000);
await page.mouse.click(5, 5);
for (const colorScheme of ["light", "dark"] as const) {
  await page.emulateMedia({ colorScheme });
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${pictures}${colorScheme}.png`, fullPage: true, scale: "css" });
}
await page.setViewportSize({ width: 360, height: 780 });
await page.emulateMedia({ colorScheme: "light" });
await page.evaluate(() => {
  scrollTo(0, document.getElementById("draw-form")!.getBoundingClientRect().top + scrollY - 16);
});
await page.waitForTimeout(500);
await page.screenshot({ path: `${pictures}phone.png`, scale: "device" });
await browser.close();
site.close();
