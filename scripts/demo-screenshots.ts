// Takes the pictures of the demo in docs/demo, from its production build, in Chromium (CHROMIUM names another one):
// the first screen at three sizes in both colours, a distillation, and the preview that others show of a link.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { build } from "vite";
import { findChromium, launchChromium } from "../tools/pages/chromium.js";
import { isolation, serve } from "../tools/pages/serve.js";
import { visit, waitForText } from "../tools/pages/visit.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pictures = here("../docs/demo/");
const executable = findChromium();
if (!executable) throw new Error("demo:screenshots: expected Chromium; set CHROMIUM to its path.");

const screens = {
  phone: { width: 360, height: 800 },
  tablet: { width: 768, height: 1024 },
  desktop: { width: 1280, height: 800 },
};

/** Keeps a picture, in 256 colours. */
const keep = (name: string, png: Uint8Array) =>
  sharp(png).png({ palette: true, compressionLevel: 9 }).toFile(`${pictures}${name}.png`);

mkdirSync(pictures, { recursive: true });
await build({ configFile: here("../examples/browser/vite.config.ts"), logLevel: "error" });
const site = await serve(here("../examples/browser/dist"), isolation);
const browser = await launchChromium(executable);
const { page } = await visit(browser, site.url, { viewport: screens.desktop });
await waitForText(page, "#draw-status", /^Drawn on wasm/);
for (const colorScheme of ["light", "dark"] as const) {
  await page.emulateMedia({ colorScheme });
  for (const [name, size] of Object.entries(screens)) {
    await page.setViewportSize(size);
    await page.waitForTimeout(500);
    await keep(`${name}-${colorScheme}`, await page.screenshot());
  }
}
await page.emulateMedia({ colorScheme: "light" });
await page.setViewportSize({ width: 1200, height: 630 });
await page.waitForTimeout(500);
await keep("preview", await page.screenshot());
await page.setViewportSize(screens.desktop);
await page.click("#distil-go");
await waitForText(page, "#distil-status", /^Step [7-9]\d of 100/, 600_000);
await page.mouse.click(5, 5);
await keep("distil", await page.locator("section[aria-labelledby=distil-title]").screenshot());
await browser.close();
site.close();
